package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // so that such pictures can be read
	_ "image/jpeg" // likewise
	"image/png"
	"sync"

	_ "golang.org/x/image/bmp" // likewise
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // likewise
)

const (
	// maxPixels bounds what is decoded: 16 MB as a bitmap. Display pictures have 96x96.
	maxPixels = 4 << 20
	// maxGIF is the longest side of a GIF that stays one: who shows it pays for every frame.
	maxGIF = 512
	// tileSide is that of a display picture on MSN.
	tileSide = 96
	// maxAvatar is the most bytes that are taken of a picture on Matrix.
	maxAvatar = 8 << 20
)

// errNoPicture is for bytes that are no picture, or none that may be decoded. They will not become one.
var errNoPicture = errors.New("this is no picture that can be shown")

// decoding lets one picture at a time be decoded, as they come in dozens after a sign-in.
var decoding sync.Mutex

// decode reads a picture, the first image of a moving one, and tells its format. Its size is looked at before anything is
// allocated for it.
func decode(data []byte) (picture image.Image, format string, err error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errNoPicture, err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels || config.Height > maxPixels || config.Width*config.Height > maxPixels {
		return nil, "", fmt.Errorf("%w: it has %dx%d pixels", errNoPicture, config.Width, config.Height)
	}
	picture, format, err = image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errNoPicture, err)
	}
	if picture.Bounds().Empty() {
		return nil, "", fmt.Errorf("%w: it is empty", errNoPicture)
	}
	return picture, format, nil
}

// forMatrix makes a display picture one that Matrix clients show: PNG, JPEG, GIF and WebP stay as they are, anything else
// becomes a PNG. It is decoded in any case, so that nothing broken gets through.
func forMatrix(data []byte) (out []byte, mimeType string, err error) {
	decoding.Lock()
	defer decoding.Unlock()
	picture, format, err := decode(data)
	if err != nil {
		return nil, "", err
	}
	bounds := picture.Bounds()
	if format == "bmp" || format == "gif" && max(bounds.Dx(), bounds.Dy()) > maxGIF {
		out, err := asPNG(picture)
		return out, "image/png", err
	}
	return data, "image/" + format, nil
}

// forMSN makes a picture of Matrix a display picture as official programs have them: the middle of it as a PNG of 96x96.
func forMSN(data []byte) ([]byte, error) {
	decoding.Lock()
	defer decoding.Unlock()
	picture, _, err := decode(data)
	if err != nil {
		return nil, err
	}
	bounds := picture.Bounds()
	side := min(bounds.Dx(), bounds.Dy())
	corner := image.Pt(bounds.Min.X+(bounds.Dx()-side)/2, bounds.Min.Y+(bounds.Dy()-side)/2)
	tile := image.NewNRGBA(image.Rect(0, 0, tileSide, tileSide))
	draw.CatmullRom.Scale(tile, tile.Bounds(), picture, image.Rectangle{Min: corner, Max: corner.Add(image.Pt(side, side))}, draw.Src, nil)
	return asPNG(tile)
}

func asPNG(picture image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("make a PNG: %w", err)
	}
	return b.Bytes(), nil
}
