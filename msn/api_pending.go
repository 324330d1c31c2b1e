package msn

import "context"

// RoamingProfile reads what the storage service has. ErrUnsupported if there is none, the zero profile if it is empty.
func (c *Client) RoamingProfile(ctx context.Context) (RoamingProfile, error) {
	return RoamingProfile{}, ErrUnsupported
}

// SetRoamingProfile writes what differs from what the storage service has; a nil Picture leaves the picture alone.
func (c *Client) SetRoamingProfile(ctx context.Context, p RoamingProfile) error {
	return ErrUnsupported
}
