package blob

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Folders implements Store: the server folds the keys at the next "/", so a folder of a million objects costs one line.
func (s *S3) Folders(ctx context.Context, prefix string, fn func(name string) error) error {
	if err := CheckPrefix(prefix); err != nil {
		return err
	}
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, Delimiter: aws.String("/")},
		func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := s.next(ctx, pages)
		if err != nil {
			return err
		}
		for _, folder := range page.CommonPrefixes {
			name := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(folder.Prefix), prefix), "/")
			if err := fn(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// next fetches one page of a listing, with a deadline of its own.
func (s *S3) next(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := pages.NextPage(ctx)
	return out, explain("list", err)
}
