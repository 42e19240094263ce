package devstack

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	bucket = "dokumentlager"
	region = "us-east-1"
)

// objectStore is versitygw over a folder.
type objectStore struct {
	parts   *Parts
	program string
	// sidecar tells that metadata goes to files beside, for file systems without extended attributes.
	sidecar bool
}

func (o *objectStore) spec() spec {
	return spec{prepare: o.prepare, command: o.command, ready: o.ready, stopSignal: syscall.SIGTERM}
}

func (o *objectStore) dir(sub string) string { return filepath.Join(o.parts.dir, "s3", sub) }

func (o *objectStore) prepare(context.Context) error {
	for _, sub := range []string{"", "data", "sidecar"} {
		if err := os.MkdirAll(o.dir(sub), 0o700); err != nil {
			return err
		}
	}
	err := syscall.Setxattr(o.dir("data"), "user.dokumentlager", []byte("1"), 0)
	o.sidecar = errors.Is(err, syscall.ENOTSUP)
	if o.sidecar {
		return nil
	}
	return err
}

func (o *objectStore) command() command {
	args := []string{"--port", o.parts.address(S3), "--region", region, "--keep-alive", "--quiet", "posix", "--dir-perms", "0700", "--file-perms", "0600"}
	if o.sidecar {
		args = append(args, "--sidecar", o.dir("sidecar"))
	}
	return command{
		path: o.program, args: append(args, o.dir("data")), orphaned: syscall.SIGKILL,
		// Keys go by environment: arguments are there for every user to see.
		env: []string{
			"PATH=/usr/bin:/bin", "HOME=" + o.dir(""),
			"ROOT_ACCESS_KEY=" + o.parts.state.S3AccessKey, "ROOT_SECRET_KEY=" + o.parts.state.S3SecretKey,
		},
		logPath: filepath.Join(o.parts.dir, "log", string(S3)+".log"),
	}
}

// ready makes the bucket with our own keys, which another stack's server would refuse.
func (o *objectStore) ready(ctx context.Context) error {
	transport := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 5 * time.Second}
	access := o.parts.s3Access()
	client := s3.New(s3.Options{
		Region: access.Region, BaseEndpoint: aws.String(access.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(access.AccessKey, access.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: transport}, Retryer: aws.NopRetryer{},
	})
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(access.Bucket)})
	var owned *types.BucketAlreadyOwnedByYou
	var exists *types.BucketAlreadyExists
	if errors.As(err, &owned) || errors.As(err, &exists) {
		_, err = client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(access.Bucket)})
	}
	return err
}

func (p *Parts) s3Access() S3Access {
	return S3Access{
		Endpoint: "http://" + p.address(S3), Bucket: bucket, Region: region,
		AccessKey: p.state.S3AccessKey, SecretKey: p.state.S3SecretKey,
	}
}
