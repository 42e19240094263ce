package devstack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/scan"
)

var allParts = []devstack.Part{devstack.Postgres, devstack.S3, devstack.Clamd}

// start starts a stack of the test's own and stops it at the end.
func start(t *testing.T, dir string) *devstack.Parts {
	t.Helper()
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Stop() })
	return parts
}

func pids(p *devstack.Parts) []int {
	var all []int
	for _, part := range allParts {
		all = append(all, p.PID(part))
	}
	return all
}

// expectGone fails when one of the processes is still there after five seconds.
func expectGone(t *testing.T, pids ...int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var left []int
		for _, pid := range pids {
			if pid == 0 || running(pid) {
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes %v of %v are left", left, pids)
		}
	}
}

// running is false for a zombie as well: whether init reaps at once is the machine's affair.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// query runs one statement and returns its single text value.
func query(ctx context.Context, url, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var value string
	err = conn.QueryRow(ctx, sql).Scan(&value)
	return value, err
}

func mustQuery(t *testing.T, url, sql, want string) {
	t.Helper()
	got, err := query(t.Context(), url, sql)
	if err != nil || got != want {
		t.Fatalf("%s = %q, %v; want %q", sql, got, err, want)
	}
}

func bucketOf(access devstack.S3Access) *s3.Client {
	return s3.New(s3.Options{
		Region: access.Region, BaseEndpoint: aws.String(access.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(access.AccessKey, access.SecretKey, ""),
	})
}

// deposit leaves one row and one object, to be found again by expectDeposit.
func deposit(ctx context.Context, p *devstack.Parts) error {
	conn, err := pgx.Connect(ctx, p.OwnerURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `create table if not exists kept as select 'kept'::text as word`); err != nil {
		return err
	}
	_, err = bucketOf(p.S3).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(p.S3.Bucket), Key: aws.String("a/kept"), Body: strings.NewReader("kept")})
	return err
}

func expectDeposit(t *testing.T, p *devstack.Parts) {
	t.Helper()
	mustQuery(t, p.OwnerURL, `select word from kept`, "kept")
	object, err := bucketOf(p.S3).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(p.S3.Bucket), Key: aws.String("a/kept")})
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if got, err := io.ReadAll(object.Body); err != nil || string(got) != "kept" {
		t.Fatalf("object = %q, %v", got, err)
	}
}

func expectScanner(t *testing.T, p *devstack.Parts) {
	t.Helper()
	if err := scan.New(scan.Config{Address: p.Clamd}).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestPartsAnswerAndKeepDataOverRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	if err := deposit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	mustQuery(t, first.OwnerURL, `show data_checksums`, "on")
	mustQuery(t, first.OwnerURL, `show max_connections`, "200")
	mustQuery(t, first.OwnerURL, `show fsync`, "on")
	mustQuery(t, first.AppURL, `select current_user || ' inherits ' || rolinherit || ', super ' || rolsuper from pg_roles where rolname = current_user`,
		"dl_app inherits false, super false")
	running := pids(first)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	expectGone(t, running...)

	second := start(t, dir)
	expectDeposit(t, second)
	expectScanner(t, second)
	if second.OwnerURL != first.OwnerURL || second.AppURL != first.AppURL || second.S3 != first.S3 || second.Clamd != first.Clamd {
		t.Errorf("addresses or secrets changed:\n%+v\n%+v", first, second)
	}
}

func TestPasswordsAreAsked(t *testing.T) {
	t.Parallel()
	parts := start(t, t.TempDir())
	for name, host := range map[string]string{"tcp": "", "socket": parts.SocketDir} {
		u, err := url.Parse(parts.AppURL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("dl_app", "wrong")
		cfg, err := pgx.ParseConfig(u.String())
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			cfg.Host = host
		}
		if _, err := pgx.ConnectConfig(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "password") {
			t.Errorf("%s: a wrong password gives %v", name, err)
		}
	}
	wrong := parts.S3
	wrong.SecretKey = "wrong"
	if err := putOne(t.Context(), wrong); err == nil {
		t.Error("a wrong S3 secret is accepted")
	}
}

func putOne(ctx context.Context, access devstack.S3Access) error {
	_, err := bucketOf(access).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(access.Bucket), Key: aws.String("one"), Body: strings.NewReader("1")})
	return err
}

func TestSecretsAreNotForOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parts := start(t, dir)
	secret := parts.S3.SecretKey
	info, err := os.Stat(filepath.Join(dir, "state.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state.json: %v, %v", info.Mode(), err)
	}
	for _, part := range allParts {
		args, err := os.ReadFile("/proc/" + strconv.Itoa(parts.PID(part)) + "/cmdline")
		if err != nil || len(args) == 0 || bytes.Contains(args, []byte(secret)) {
			t.Errorf("%s shows its secret to `ps`, or %v", part, err)
		}
	}
	logs, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(logs) != len(allParts) {
		t.Fatalf("logs %v, %v", logs, err)
	}
	if leftover, _ := filepath.Glob(filepath.Join(dir, "run", "*.pw")); len(leftover) > 0 {
		t.Errorf("the password file is left: %v", leftover)
	}
}

func TestFolderIsForOneStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	_, err := devstack.StartParts(t.Context(), devstack.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "another stack") {
		t.Fatalf("second stack in the same folder: %v", err)
	}
}

func TestTakenPortIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	squatter, err := net.Listen("tcp", first.Clamd)
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	second := start(t, dir)
	expectScanner(t, second)
	if second.Clamd == first.Clamd {
		t.Error("clamd kept a port that is not free")
	}
	if second.OwnerURL != first.OwnerURL {
		t.Error("postgres lost a port that is free")
	}
}

func TestKilledPartCanBeRestarted(t *testing.T) {
	t.Parallel()
	parts := start(t, t.TempDir())
	if err := deposit(t.Context(), parts); err != nil {
		t.Fatal(err)
	}
	for _, part := range allParts {
		before := parts.PID(part)
		if err := parts.Kill(part); err != nil {
			t.Fatal(err)
		}
		if parts.PID(part) != 0 {
			t.Fatalf("%s runs after Kill", part)
		}
		if err := parts.Kill(part); err == nil {
			t.Errorf("%s: killing it twice is no error", part)
		}
		if err := parts.Restart(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		if after := parts.PID(part); after == before || after == 0 {
			t.Errorf("%s: pid %d before, %d after", part, before, after)
		}
	}
	expectDeposit(t, parts)
	expectScanner(t, parts)
}

// TestKillTakesWhatPostgresStarted: a backend that computes would not notice for long that its server is gone.
func TestKillTakesWhatPostgresStarted(t *testing.T) {
	t.Parallel()
	parts := start(t, t.TempDir())
	conn, err := pgx.Connect(t.Context(), parts.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	backend := int(conn.PgConn().PID())
	computing := make(chan error)
	go func() {
		_, err := conn.Exec(t.Context(), "select count(*) from generate_series(1, 10000000000)")
		computing <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); runningTime(backend) == "0"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the backend does not compute")
		}
	}
	if err := parts.Kill(devstack.Postgres); err != nil {
		t.Fatal(err)
	}
	if err := <-computing; err == nil {
		t.Error("the statement ended in order")
	}
	expectGone(t, backend)
	if err := parts.Restart(t.Context(), devstack.Postgres); err != nil {
		t.Fatal(err)
	}
}

// runningTime is what the kernel counts as a process's user time (proc(5), stat); a fresh backend has none worth counting.
func runningTime(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(text), ") ")
	if fields := strings.Fields(rest); len(fields) > 11 {
		if ticks, _ := strconv.Atoi(fields[11]); ticks > 10 {
			return fields[11]
		}
	}
	return "0"
}

func TestStopEndsPausedParts(t *testing.T) {
	t.Parallel()
	parts := start(t, t.TempDir())
	running := pids(parts)
	for _, part := range allParts {
		if err := parts.Signal(part, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := parts.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("Stop took %s", took)
	}
	expectGone(t, running...)
	if err := parts.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	if err := parts.Restart(t.Context(), devstack.S3); err == nil {
		t.Error("a stopped stack starts parts")
	}
}

func TestStopWithOpenConnections(t *testing.T) {
	t.Parallel()
	parts := start(t, t.TempDir())
	// A keep-alive connection, an open transaction and an unfinished scan must not hold up the end.
	if err := putOne(t.Context(), parts.S3); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), parts.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "begin"); err != nil {
		t.Fatal(err)
	}
	stream, err := scan.New(scan.Config{Address: parts.Clamd}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	running, began := pids(parts), time.Now()
	if err := parts.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("Stop took %s", took)
	}
	expectGone(t, running...)
}

// syncBuffer is a log that is written and read by several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestDeathIsLogged(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Stop()
	if err := parts.Kill(devstack.Clamd); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "part died") {
		t.Errorf("a death that was asked for is logged:\n%s", log.String())
	}
	if err := syscall.Kill(parts.PID(devstack.S3), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(log.String(), "component=s3 error="); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no word of the death:\n%s", log.String())
		}
	}
}

func TestPartThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	bin, dir := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho 'the moon is in the wrong phase' >&2\nexit 3\n"
	if err := os.WriteFile(filepath.Join(bin, "versitygw"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := devstack.StartParts(t.Context(), devstack.Options{Dir: dir, BinDir: bin})
	if err == nil || !strings.Contains(err.Error(), "starting s3") || !strings.Contains(err.Error(), "wrong phase") {
		t.Fatalf("error = %v", err)
	}
	// All is let go: the same folder works with the right program.
	expectScanner(t, start(t, dir))
}

func TestStartGivesUpWhenAPartDoesNotAnswer(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "versitygw"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The slow initdb is done before, so that only versitygw can be late.
	if err := start(t, dir).Stop(); err != nil {
		t.Fatal(err)
	}
	_, err := devstack.StartParts(t.Context(), devstack.Options{Dir: dir, BinDir: bin, StartTimeout: 6 * time.Second})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "starting s3") {
		t.Fatalf("error = %v", err)
	}
}
