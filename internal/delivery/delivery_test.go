package delivery_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/delivery"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/soap"

	"github.com/jackc/pgx/v5"
)

// TestAnswerArrives: whole, once, and while it waits and afterwards nothing in the database tells of the patient.
func TestAnswerArrives(t *testing.T) {
	t.Parallel()
	at := consume(t, nil)
	c := named(at.URL + "/svar")
	r := newRig(t, c)
	q := question(c, at.URL+"/svar")
	if err := r.Accept(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if all := r.rows(); len(all) != 1 || strings.Contains(all[0].Args, canary) || !strings.Contains(all[0].Args, `"sealed"`) || !strings.Contains(all[0].Args, "ITI-38") {
		t.Fatalf("%+v", all)
	}
	var asked atomic.Pointer[delivery.Question]
	answer := r.Answer
	r.Answer = func(ctx context.Context, q delivery.Question) (delivery.Reply, error) {
		asked.Store(&q)
		return answer(ctx, q)
	}
	r.run()
	r.wait(delivery.Sent)
	want := post{"/svar", "application/soap+xml", "answer to " + q.MessageID, int64(len("answer to " + q.MessageID)), nil}
	if got := at.seen(); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := asked.Load(); got.Actor.PersonID != canary || got.Assertion.Patient != q.Assertion.Patient || string(got.Body) != string(q.Body) || got.Payload != q.Payload {
		t.Errorf("the question came back as %+v", got)
	}
	if row := r.settled("completed"); strings.Contains(row.Args, "sealed") {
		t.Errorf("what was sealed is kept: %s", row.Args)
	}
}

// TestWhoMayHaveAnswersWhere: an address counts whole, and for its own senders alone; who is refused leaves nothing (X2).
func TestWhoMayHaveAnswersWhere(t *testing.T) {
	t.Parallel()
	c := named("https://gw.example.no/xca/async", "http://10.1.2.3:8443/")
	c.Organisations = []string{"981275721"}
	r := newRig(t, c)
	mine := audit.Actor{}
	mine.ClientID = c.Name
	for _, e := range []struct {
		replyTo string
		change  func(*audit.Actor)
		allowed bool
	}{
		{"https://gw.example.no/xca/async", nil, true}, {"HTTPS://GW.example.NO:443/xca/async", nil, true}, {"http://10.1.2.3:8443", nil, true},
		{"https://gw.example.no/xca/async", func(a *audit.Actor) { a.ClientID, a.Organisation = "other", "981275721" }, true},
		{"https://gw.example.no/xca/async", func(a *audit.Actor) { a.ClientID, a.Organisation = "other", "981275722" }, false},
		{"https://gw.example.no/xca/async", func(a *audit.Actor) { a.ClientID = "" }, false},
		{"http://gw.example.no/xca/async", nil, false}, {"https://gw.example.no:8443/xca/async", nil, false}, {"https://gw.example.no/xca/async/", nil, false},
		{"https://gw.example.no/xca/async?x=1", nil, false}, {"https://gw.example.no/xca/async?", nil, false}, {"https://gw.example.no/xca/async#", nil, false},
		{"https://gw.example.no/xca/../xca/async", nil, false}, {"https://gw.example.no/xca/%61sync", nil, false}, {"https://a@gw.example.no/xca/async", nil, false},
		{"https://gw.example.no.evil.no/xca/async", nil, false}, {"https://gw.example.no\\@evil.no/xca/async", nil, false}, {"http://10.1.2.3/", nil, false},
		{"http://169.254.169.254/", nil, false}, {"ftp://10.1.2.3:8443/", nil, false}, {"10.1.2.3:8443", nil, false}, {soap.None, nil, false}, {"", nil, false},
	} {
		before, q := len(r.rows()), question(c, e.replyTo)
		q.Actor = mine
		if e.change != nil {
			e.change(&q.Actor)
		}
		err := r.Accept(t.Context(), q)
		var told *soap.Fault
		if (err == nil) != e.allowed || err != nil && (!errors.As(err, &told) || told.Reason != soap.BadReplyTo) || (len(r.rows()) > before) != e.allowed {
			t.Errorf("%s: %v, allowed: %t", e.replyTo, err, e.allowed)
		}
	}
}

// TestAsManyAsMayWait, and not one more when all come at once.
func TestAsManyAsMayWait(t *testing.T) {
	t.Parallel()
	c := named("http://10.1.2.3/")
	c.Waiting = 3
	r := newRig(t, c)
	var accepted, refused atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			switch err := r.Accept(t.Context(), question(c, "http://10.1.2.3/")); {
			case err == nil:
				accepted.Add(1)
			case fault.KindOf(err) == fault.Busy:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 3 || refused.Load() != 9 || len(r.rows()) != 3 {
		t.Errorf("%d accepted, %d refused, %d in line", accepted.Load(), refused.Load(), len(r.rows()))
	}
}

// TestWhatTheConsumerSays: what heals is tried again, what cannot is given up at once, and no redirect is followed. What is given up can be sent by
// hand, and stays sealed till then.
func TestWhatTheConsumerSays(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]struct {
		code          int
		outcome, says string
	}{
		"away":     {503, delivery.Retried, "the consumer answered HTTP 503"},
		"lost":     {404, delivery.Retried, "the consumer answered HTTP 404"},
		"redirect": {302, delivery.Retried, "the consumer answered HTTP 302; redirects are not followed"},
		"refused":  {400, delivery.Dead, "the consumer refused the answer with HTTP 400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			elsewhere := consume(t, nil)
			var first atomic.Bool
			at := consume(t, func(w http.ResponseWriter, _ *http.Request) {
				if first.Swap(true) {
					return
				}
				w.Header().Set("Location", elsewhere.URL+"/")
				w.WriteHeader(e.code)
				_, _ = io.WriteString(w, "patient "+canary+" is not known")
			})
			c := named(at.URL + "/")
			r := newRig(t, c)
			if err := r.Accept(t.Context(), question(c, at.URL+"/")); err != nil {
				t.Fatal(err)
			}
			r.run()
			r.wait(e.outcome)
			if e.outcome == delivery.Dead {
				if got := r.settled("cancelled"); !strings.Contains(got.Args, `"sealed"`) {
					t.Errorf("%+v", got)
				}
				r.retry()
			}
			r.wait(delivery.Sent)
			if row := r.settled("completed"); !strings.HasSuffix(row.Error, e.says) {
				t.Errorf("%q, want %q", row.Error, e.says)
			}
			if got := elsewhere.seen(); len(got) != 0 {
				t.Errorf("a redirect was followed: %+v", got)
			}
		})
	}
}

// retry puts the rig's dead answers in line again.
func (r *rig) retry() {
	r.t.Helper()
	all, err := r.queue.Answers(r.t.Context(), true, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []int64
	for _, a := range all {
		if _, mine := r.Lanes()["answers-"+a.Consumer]; mine {
			ids = append(ids, a.ID)
		}
	}
	noted := 0
	done, err := r.queue.RetryAnswers(r.t.Context(), ids, func(context.Context, pgx.Tx, []int64) error { noted++; return nil })
	if err != nil || len(done) != 1 || noted != 1 {
		r.t.Fatalf("%v, noted %d times, %v", done, noted, err)
	}
}

// TestGivenUpWithAge: what nobody takes is tried until its time is over, and not for ever; what the configuration allows no more is not sent at all.
func TestGivenUpWithAge(t *testing.T) {
	t.Parallel()
	at := consume(t, status(503))
	c, gone := named(at.URL+"/"), named(at.URL+"/")
	r := newRig(t, c, gone)
	r.RetryFor = 0
	for _, each := range []delivery.Consumer{c, gone} {
		if err := r.Accept(t.Context(), question(each, at.URL+"/")); err != nil {
			t.Fatal(err)
		}
	}
	r.Consumers[1].Addresses = []string{"http://10.1.2.3/"}
	r.run()
	r.wait(delivery.Dead)
	r.wait(delivery.Dead)
	if got := at.seen(); len(got) != 1 || r.calls.Load() != 1 {
		t.Errorf("%d transactions, sent: %+v", r.calls.Load(), got)
	}
}

// TestAnswerThatBreaksOff is never taken for whole, and is tried again.
func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	at := consume(t, nil)
	c := named(at.URL + "/")
	r := newRig(t, c)
	answer := r.Answer
	r.Answer = func(ctx context.Context, q delivery.Question) (delivery.Reply, error) {
		whole, err := answer(ctx, q)
		if r.calls.Load() == 1 {
			return cut{whole.(text)}, err
		}
		return whole, err
	}
	if err := r.Accept(t.Context(), question(c, at.URL+"/")); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.wait(delivery.Retried)
	r.wait(delivery.Sent)
	got := at.seen()
	if len(got) != 2 || got[0].Err == nil || got[1].Err != nil || !strings.HasPrefix(got[1].Body, got[0].Body) || got[1].Body == got[0].Body {
		t.Errorf("%+v", got)
	}
}

// cut is a reply whose document turns out to be damaged.
type cut struct{ text }

func (c cut) Write(ctx context.Context, w io.Writer) error {
	if err := (c.text[:5]).Write(ctx, w); err != nil {
		return err
	}
	return errors.New("not the bytes that were registered")
}

// TestSlowConsumerHoldsNobody: while one takes no answer to its end, another gets its own.
func TestSlowConsumerHoldsNobody(t *testing.T) {
	t.Parallel()
	began, release := make(chan bool, 10), make(chan bool)
	slow := consume(t, func(http.ResponseWriter, *http.Request) { began <- true; <-release })
	quick := consume(t, nil)
	a, b := named(slow.URL+"/"), named(quick.URL+"/")
	r := newRig(t, a, b)
	for range 3 {
		if err := r.Accept(t.Context(), question(a, slow.URL+"/")); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	<-began
	<-began
	if err := r.Accept(t.Context(), question(b, quick.URL+"/")); err != nil {
		t.Fatal(err)
	}
	r.wait(delivery.Sent)
	if len(quick.seen()) != 1 {
		t.Error("somebody else's answer was sent first")
	}
	close(release)
	for range 3 {
		r.wait(delivery.Sent)
	}
}

// TestSealedForOneJobAlone: who can write in the database cannot turn one consumer's answer to another one.
func TestSealedForOneJobAlone(t *testing.T) {
	t.Parallel()
	at := consume(t, nil)
	a, b := named(at.URL+"/"), named(at.URL+"/")
	b.Clients = append(b.Clients, a.Name)
	r := newRig(t, a, b)
	if err := r.Accept(t.Context(), question(a, at.URL+"/")); err != nil {
		t.Fatal(err)
	}
	_, err := r.db.Control().Exec(t.Context(), `update `+postgres.JobSchema+`.river_job set queue = 'answers-' || $2, args = jsonb_set(args, '{consumer}', to_jsonb($2::text))
		where queue = 'answers-' || $1`, a.Name, b.Name)
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	r.wait(delivery.Dead)
	if len(at.seen()) != 0 || r.calls.Load() != 0 {
		t.Error("it was sent")
	}
}

// TestAwayConsumerCostsNothing: who cannot be reached has seen nothing, so no transaction is run and no event tells that something was shown.
func TestAwayConsumerCostsNothing(t *testing.T) {
	t.Parallel()
	at := consume(t, nil)
	at.Close()
	c, byName := named(at.URL+"/"), named(strings.Replace(at.URL, "127.0.0.1", "localhost", 1)+"/")
	r := newRig(t, c, byName)
	for _, each := range []delivery.Consumer{c, byName} {
		if err := r.Accept(t.Context(), question(each, each.Addresses[0])); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.wait(delivery.Retried)
	r.wait(delivery.Retried)
	if r.calls.Load() != 0 {
		t.Errorf("%d transactions were run", r.calls.Load())
	}
}
