package msn

// RoamingProfile is what the storage service keeps of an account, so that it follows its user (services.md 11).
type RoamingProfile struct {
	DisplayName     string
	PersonalMessage string
	// Picture is the display picture, nil for none; PictureType its MIME type.
	Picture     []byte
	PictureType string
}
