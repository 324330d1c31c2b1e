package bridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
)

// tinyWebP is a lossless WebP of 1x1.
const tinyWebP = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

// striped is a picture of three columns, of which the middle one is the middle square.
func striped(width, height int) *image.Paletted {
	palette := color.Palette{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}}
	picture := image.NewPaletted(image.Rect(0, 0, width, height), palette)
	side := min(width, height)
	for y := range height {
		for x := range width {
			column := uint8(1)
			if x < (width-side)/2 {
				column = 0
			} else if x >= (width+side)/2 {
				column = 2
			}
			picture.SetColorIndex(x, y, column)
		}
	}
	return picture
}

// encoded is a picture in all formats that Go can write, and a moving one.
func encoded(t testing.TB, picture *image.Paletted) map[string][]byte {
	t.Helper()
	var asPNG, asJPEG, asGIF, asBMP, moving bytes.Buffer
	for _, err := range []error{
		png.Encode(&asPNG, picture), jpeg.Encode(&asJPEG, picture, &jpeg.Options{Quality: 100}), gif.Encode(&asGIF, picture, nil), bmp.Encode(&asBMP, picture),
		gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{picture, picture, picture}, Delay: []int{10, 10, 10}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string][]byte{"png": asPNG.Bytes(), "jpeg": asJPEG.Bytes(), "gif": asGIF.Bytes(), "moving": moving.Bytes(), "bmp": asBMP.Bytes()}
}

// bomb is a PNG that says to have so many pixels, in a few bytes.
func bomb(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append([]byte("IHDR"), append(header, 8, 6, 0, 0, 0)...)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
}

// notPictures are what must not get through.
func notPictures(t testing.TB) map[string][]byte {
	t.Helper()
	good := encoded(t, striped(40, 30))
	return map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "HTML": []byte("<html></html>"), "bomb": bomb(30000, 30000), "flat bomb": bomb(1<<30, 1),
		"overflow": bomb(1<<31, 1<<31), "no size": bomb(0, 0), "header alone": bomb(90, 90),
		"cut PNG": good["png"][:len(good["png"])*2/3], "cut GIF": good["gif"][:len(good["gif"])/2], "cut JPEG": good["jpeg"][:len(good["jpeg"])/3],
		"cut BMP": good["bmp"][:len(good["bmp"])/2], "cut WebP": []byte(tinyWebP[:25]), "SVG": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
	}
}

func TestForMSN(t *testing.T) {
	for _, size := range []image.Point{{300, 100}, {96, 96}, {1, 1}, {33, 77}, {1200, 300}} {
		for name, data := range encoded(t, striped(size.X, size.Y)) {
			made, err := forMSN(data)
			if err != nil {
				t.Errorf("%s %v: %v", name, size, err)
				continue
			}
			got, format, err := image.Decode(bytes.NewReader(made))
			if err != nil || format != "png" || got.Bounds() != image.Rect(0, 0, 96, 96) || len(made) > 32<<10 {
				t.Fatalf("%s %v: %s, %d bytes, %v", name, size, format, len(made), err)
			}
			for _, at := range []image.Point{{0, 0}, {95, 95}, {48, 48}} { // nothing but the middle
				if r, g, b, _ := got.At(at.X, at.Y).RGBA(); r > 0x1000 || g < 0xe000 || b > 0x1000 {
					t.Errorf("%s %v at %v: %x %x %x", name, size, at, r, g, b)
				}
			}
		}
	}
	if made, err := forMSN([]byte(tinyWebP)); err != nil || len(made) == 0 {
		t.Errorf("WebP: %v", err)
	}
}

func TestForMatrix(t *testing.T) {
	for name, data := range encoded(t, striped(60, 40)) {
		out, mimeType, err := forMatrix(data)
		stays := name != "bmp"
		want := map[string]string{"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "moving": "image/gif", "bmp": "image/png"}[name]
		if err != nil || mimeType != want || bytes.Equal(out, data) != stays {
			t.Errorf("%s: %s, %v", name, mimeType, err)
		}
	}
	if out, mimeType, err := forMatrix(encoded(t, striped(700, 10))["moving"]); err != nil || mimeType != "image/png" || !bytes.HasPrefix(out, []byte("\x89PNG")) {
		t.Errorf("a large moving one: %s, %v", mimeType, err)
	}
	if _, mimeType, err := forMatrix([]byte(tinyWebP)); err != nil || mimeType != "image/webp" {
		t.Errorf("WebP: %s, %v", mimeType, err)
	}
}

func TestNotPictures(t *testing.T) {
	for name, data := range notPictures(t) {
		if _, err := forMSN(data); !errors.Is(err, errNoPicture) {
			t.Errorf("%s for MSN: %v", name, err)
		}
		if _, _, err := forMatrix(data); !errors.Is(err, errNoPicture) {
			t.Errorf("%s for Matrix: %v", name, err)
		}
	}
}

// FuzzPicture converts anything without trouble; what comes out is what it should be.
func FuzzPicture(f *testing.F) {
	for _, data := range encoded(f, striped(8, 6)) {
		f.Add(data)
	}
	for _, data := range notPictures(f) {
		f.Add(data)
	}
	f.Add([]byte(tinyWebP))
	f.Fuzz(func(t *testing.T, data []byte) {
		tile, err := forMSN(data)
		out, mimeType, other := forMatrix(data)
		if (err == nil) != (other == nil) || err != nil && !errors.Is(err, errNoPicture) {
			t.Fatalf("%v and %v", err, other)
		}
		if err != nil {
			return
		}
		if config, format, err := image.DecodeConfig(bytes.NewReader(tile)); err != nil || format != "png" || config.Width != 96 || config.Height != 96 {
			t.Errorf("%s %+v %v", format, config, err)
		}
		if _, format, err := image.DecodeConfig(bytes.NewReader(out)); err != nil || "image/"+format != mimeType || !strings.Contains("png jpeg gif webp", format) {
			t.Errorf("%s is %s, %v", mimeType, format, err)
		}
	})
}
