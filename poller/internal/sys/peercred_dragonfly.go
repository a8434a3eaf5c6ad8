package sys

import (
	"errors"

	"example.com/pike/poller"
)

// PeerCred is not to be had: nobody has tried struct xucred of DragonFly.
func PeerCred(int32) (poller.Cred, error) { return poller.Cred{}, errors.ErrUnsupported }
