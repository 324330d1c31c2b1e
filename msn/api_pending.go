package msn

import "context"

// Declined marks a request as seen: off the pending list, neither allowed nor blocked, so that it does not come again at
// the next sign-in. Before MSNP10 there is nothing but blocking: ErrUnsupported.
func (c *Client) Decline(ctx context.Context, passport string) error { return ErrUnsupported }

// SendOffline leaves a text for somebody who is away, with the service, MSNP11 and later. ErrUnsupported if the
// version or the service has no such thing.
func (c *Client) SendOffline(ctx context.Context, passport string, text string) (Sent, error) {
	return Sent{}, ErrUnsupported
}

// DeleteOfflineMessages tells the service that messages have arrived for good.
func (c *Client) DeleteOfflineMessages(ctx context.Context, ids ...string) error {
	return ErrUnsupported
}

// Endpoints are the places at which I am signed in, this one first. There are none before MSNP16.
func (c *Client) Endpoints() []Endpoint { return nil }

// SignOutEndpoint ends one of my other places; "" ends all of them.
func (c *Client) SignOutEndpoint(ctx context.Context, id string) error { return ErrUnsupported }

// SetEndpointName changes how my other places see this one.
func (c *Client) SetEndpointName(ctx context.Context, name string) error { return ErrUnsupported }

// RoamingProfile reads what the storage service has. ErrUnsupported if there is none, the zero profile if it is empty.
func (c *Client) RoamingProfile(ctx context.Context) (RoamingProfile, error) {
	return RoamingProfile{}, ErrUnsupported
}

// SetRoamingProfile writes what differs from what the storage service has; a nil Picture leaves the picture alone.
func (c *Client) SetRoamingProfile(ctx context.Context, p RoamingProfile) error {
	return ErrUnsupported
}

// NetworkOf asks which network an address belongs to (FQY, MSNP14+): 1 is MSN, 32 Yahoo!.
func (c *Client) NetworkOf(ctx context.Context, passport string) (int, error) {
	return 0, ErrUnsupported
}

// Circles are those I belong to or am invited to (MSNP18+).
func (c *Client) Circles() []Circle { return nil }

// CreateCircle makes a circle with me as its admin.
func (c *Client) CreateCircle(ctx context.Context, name string) (Circle, error) {
	return Circle{}, ErrUnsupported
}

// InviteToCircle asks somebody in.
func (c *Client) InviteToCircle(ctx context.Context, id, passport, text string) error {
	return ErrUnsupported
}

// AnswerCircle accepts or declines an invitation.
func (c *Client) AnswerCircle(ctx context.Context, id string, accept bool) error {
	return ErrUnsupported
}

// LeaveCircle leaves a circle. A service may refuse it to the owner.
func (c *Client) LeaveCircle(ctx context.Context, id string) error { return ErrUnsupported }

// RemoveFromCircle puts a member out, for admins.
func (c *Client) RemoveFromCircle(ctx context.Context, id, passport string) error {
	return ErrUnsupported
}
