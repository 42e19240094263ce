package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// explain turns the SDK's error into one of ours, or into a short text with the server's code. The SDK's own texts repeat the
// whole address, object key included, which has no place in a log.
func explain(call string, err error) error {
	if err == nil {
		return nil
	}
	status := 0
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	code := ""
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if known := sort(status, code); known != nil {
		return fmt.Errorf("%w (%s: %d %s)", known, call, status, code)
	}
	if status != 0 || code != "" {
		return fmt.Errorf("blob: %s: the store answers %d %s", call, status, code)
	}
	return fmt.Errorf("blob: %s: %w", call, innermost(err))
}

// sort finds the errors a caller may branch on; nil for others. A HEAD has no body and so no code but what the SDK makes of 404.
func sort(status int, code string) error {
	switch code {
	case "NoSuchKey", "NotFound":
		return ErrNotFound
	case "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "IncompleteBody":
		return ErrMismatch
	case "InvalidRange":
		return ErrRange
	}
	if status == http.StatusRequestedRangeNotSatisfiable {
		return ErrRange
	}
	return nil
}

// innermost drops the wrappers that name the address; ends of contexts stay recognizable.
func innermost(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded, errSilent} {
		if errors.Is(err, end) {
			return end
		}
	}
	var address *url.Error
	if errors.As(err, &address) {
		return address.Err
	}
	return err
}
