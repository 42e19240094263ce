//go:build bench

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/scan"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// floor does with the parts, directly, what cannot be done without: scan, put, get. It uses the SDK with as little as it can do:
// no digest is asked of the store and no size checked afterwards, as our own blob package does.
type floor struct {
	scanner *scan.Scanner
	store   *s3.Client
	bucket  string
	puts    int
}

func newFloor(t *testing.T, s *servicetest.Service) *floor {
	t.Helper()
	access := s.Parts.S3
	return &floor{
		scanner: scan.New(scan.Config{Address: s.Parts.Clamd}),
		bucket:  access.Bucket,
		store: s3.New(s3.Options{
			BaseEndpoint: &access.Endpoint, Region: access.Region, UsePathStyle: true,
			Credentials:                credentials.NewStaticCredentialsProvider(access.AccessKey, access.SecretKey, ""),
			RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
			ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		}),
	}
}

// scan has clamd judge the bytes.
func (f *floor) scan(t *testing.T, content []byte) time.Duration {
	t.Helper()
	began := time.Now()
	stream, err := f.scanner.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	if _, err := stream.Write(content); err != nil {
		t.Fatal(err)
	}
	if verdict, err := stream.Verdict(); err != nil || verdict.State != scan.Clean {
		t.Fatalf("the scanner says %s: %v", verdict.State, err)
	}
	return time.Since(began)
}

// put stores the bytes under a key of its own and takes them away again, the latter untimed.
func (f *floor) put(t *testing.T, content []byte) time.Duration {
	t.Helper()
	f.puts++
	key := fmt.Sprintf("bench/%d", f.puts)
	began := time.Now()
	err := f.keep(t.Context(), key, content)
	took := time.Since(began)
	if err == nil {
		_, err = f.store.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &f.bucket, Key: &key})
	}
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// keep puts one object.
func (f *floor) keep(ctx context.Context, key string, content []byte) error {
	_, err := f.store.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(content), ContentLength: aws.Int64(int64(len(content)))},
		s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	return err
}

// get reads an object to its end into w.
func (f *floor) get(t *testing.T, key string, w io.Writer) time.Duration {
	t.Helper()
	began := time.Now()
	out, err := f.store.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if err := drain(w, out.Body); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// only is the key of the one document that a tenant has.
func (f *floor) only(t *testing.T, schema string) string {
	t.Helper()
	prefix := "d/" + schema + "/"
	page, err := f.store.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix})
	if err != nil || len(page.Contents) != 1 {
		t.Fatalf("%d objects under %s, want one: %v", len(page.Contents), prefix, err)
	}
	return *page.Contents[0].Key
}
