package blob

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Config says where the bucket is and how to log in to it.
type Config struct {
	// Endpoint is the store's base URL; empty means AWS in Region.
	Endpoint string
	// Region is part of the signature; empty means us-east-1, which most other stores take.
	Region, Bucket, AccessKey string
	SecretKey                 string `json:"-"`
	// PathStyle puts the bucket into the path rather than the host name, as most stores outside AWS want.
	PathStyle bool
	// Timeout bounds a call without much payload, each Read of an opened object, and the silence a Put may meet; zero means 15 s.
	Timeout time.Duration
	// Attempts is how often a call is tried in all; zero means 3.
	Attempts int
}

// String keeps the secret out of logs and error texts.
func (c Config) String() string { return fmt.Sprintf("bucket %s at %s", c.Bucket, c.Endpoint) }

// GoString is String: %#v must not print the secret either.
func (c Config) GoString() string { return c.String() }

// slowest is the transfer rate below which a Put is given up, in bytes per second: 60 MiB may take a minute more than Timeout.
const slowest = 1 << 20

// S3 is a Store in one bucket of an S3 server.
type S3 struct {
	client  *s3.Client
	bucket  string
	timeout time.Duration
}

var _ Store = (*S3)(nil)

// NewS3 makes the store; it does not connect (see Ready).
func NewS3(c Config) (*S3, error) {
	if c.Bucket == "" || c.AccessKey == "" || c.SecretKey == "" {
		return nil, errors.New("blob: bucket, access key and secret key must all be set")
	}
	s := &S3{bucket: c.Bucket, timeout: cmp.Or(c.Timeout, 15*time.Second)}
	options := s3.Options{
		Region:       cmp.Or(c.Region, "us-east-1"),
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, ""),
		UsePathStyle: c.PathStyle,
		HTTPClient:   &http.Client{Transport: transport(s.timeout), CheckRedirect: noRedirect},
		// The digest that Put sends is the one that was registered; checksums of the SDK's own choosing come as trailers, which Ceph
		// refuses and plain HTTP cannot carry (spec/go.md §3).
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = cmp.Or(c.Attempts, 3), 2*time.Second
		}),
	}
	if c.Endpoint != "" {
		options.BaseEndpoint = aws.String(c.Endpoint)
	}
	s.client = s3.New(options)
	return s, nil
}

// transport keeps enough idle connections for the uploads of one replica; the SDK's own keeps ten.
func transport(silence time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: silence,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       60 * time.Second,
		// What was stored is what is read: nothing is unpacked on the way.
		DisableCompression: true,
	}
}

// noRedirect: a signed request is for one host. The SDK has its own way with regions.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Ready asks whether the bucket is there and can be reached with these credentials. It takes at most 3 s.
func (s *S3) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(3*time.Second, s.timeout))
	defer cancel()
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	return explain("ready", err)
}

// Put implements Store. The payload is not signed but its digest is, as a header that the server checks the bytes against; the size is
// asked for afterwards, because a store that says "stored" of half an object has been seen (design/trust.md test 4).
func (s *S3) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sha256 []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := checkBody(body, size, sha256); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout+time.Duration(size)*time.Second/slowest)
	defer cancel()
	digest := base64.StdEncoding.EncodeToString(sha256)
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: body, ContentLength: &size, ChecksumSHA256: &digest,
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	if err != nil {
		return explain("put", err)
	}
	if got := aws.ToString(out.ChecksumSHA256); got != "" && got != digest {
		return fmt.Errorf("%w: the store answers with another digest", ErrMismatch)
	}
	return s.checkSize(ctx, key, size)
}

// checkBody finds out before anything is sent whether the body can be what is described, and rewinds it: the SDK would send from
// where a caller that hashed it left off.
func checkBody(body io.Seeker, size int64, sha256 []byte) error {
	end, err := body.Seek(0, io.SeekEnd)
	if err == nil && (end != size || len(sha256) != 32) {
		return fmt.Errorf("%w: body of %d bytes, size %d, digest of %d bytes", ErrMismatch, end, size, len(sha256))
	}
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return err
}

func (s *S3) checkSize(ctx context.Context, key string, size int64) error {
	info, err := s.Stat(ctx, key)
	if errors.Is(err, ErrNotFound) || err == nil && info.Size != size {
		return fmt.Errorf("%w: the store said stored and has %d of %d bytes", ErrMismatch, info.Size, size)
	}
	return err
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return Info{}, explain("stat", err)
	}
	return Info{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}, nil
}

// Remove implements Store. In a bucket with versions this leaves older versions; buckets are to be without.
func (s *S3) Remove(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if err = explain("remove", err); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// List implements Store, a page of 1,000 at a time, each page with its own deadline.
func (s *S3) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := CheckPrefix(prefix); err != nil {
		return err
	}
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix},
		func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := s.next(ctx, pages)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			if err := fn(Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}); err != nil {
				return err
			}
		}
	}
	return nil
}
