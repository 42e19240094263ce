package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// errSilent is why a read was given up.
var errSilent = errors.New("blob: the store fell silent")

// Open implements Store.
func (s *S3) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, ErrRange
	}
	if length == 0 {
		return s.nothing(ctx, key, offset)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	// One timer serves the call and then each Read.
	b := &body{cancel: cancel, patience: s.timeout}
	b.timer = time.AfterFunc(s.timeout, func() { cancel(errSilent) })
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, Range: rangeHeader(offset, length)})
	b.timer.Stop()
	if err == nil {
		b.rc, err = out.Body, checkRange(aws.ToString(out.ContentRange), offset, length)
	}
	if err != nil {
		_ = b.Close()
		return nil, explain("open", err)
	}
	return b, nil
}

// nothing answers a request for no bytes, which HTTP has no range for.
func (s *S3) nothing(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	info, err := s.Stat(ctx, key)
	if err == nil && offset > info.Size {
		err = ErrRange
	}
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader("")), nil
}

// rangeHeader is nil for the whole object.
func rangeHeader(offset, length int64) *string {
	switch {
	case length > 0:
		return aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		return aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	return nil
}

// checkRange refuses the answer of a store that overlooked the range: its bytes would be others than those asked for.
func checkRange(contentRange string, offset, length int64) error {
	if length < 0 && offset == 0 || strings.HasPrefix(contentRange, fmt.Sprintf("bytes %d-", offset)) {
		return nil
	}
	return fmt.Errorf("asked for bytes from %d, got %q", offset, contentRange)
}

// body is an object on its way. Its context is ended by the timer when one Read takes too long.
type body struct {
	rc       io.ReadCloser
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.patience)
	n, err := b.rc.Read(p)
	// False: the timer has fired, and the context is ended.
	if !b.timer.Stop() && err != nil {
		err = errSilent
	}
	return n, err
}

// Close lets go of the connection. It can be called again.
func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	if b.rc == nil {
		return nil
	}
	return b.rc.Close()
}
