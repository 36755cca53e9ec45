package notify

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pingd/monitor/alert"
)

// receiver answers with a status and keeps the bodies.
func receiver(t *testing.T, status int, head ...string) (address string, bodies *[]string) {
	t.Helper()
	bodies = &[]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %v", r.Method, r.Header, err)
		}
		*bodies = append(*bodies, string(b))
		for i := 0; i+1 < len(head); i += 2 {
			w.Header().Set(head[i], head[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "said so")
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/services/SECRET", bodies
}

func message() Message {
	cleared := change("b", alert.Warn, alert.Clear)
	cleared.Subject, cleared.About = "<!channel>", "evil & co"
	return Message{Node: "h1", Page: "http://h1:19999/", Changes: []alert.Change{change("a", alert.Clear, alert.Crit), cleared}}
}

func TestWebhookIsAlertmanagers(t *testing.T) {
	url, bodies := receiver(t, 200)
	if err := Webhook(url).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version, Status, GroupKey, Receiver, ExternalURL string
		CommonLabels                                     map[string]string
		Alerts                                           []struct {
			Status, Fingerprint string
			Labels, Annotations map[string]string
			StartsAt, EndsAt    time.Time
			GeneratorURL        string
		}
	}
	if err := json.Unmarshal([]byte((*bodies)[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "4" || got.Status != "firing" || got.ExternalURL != "http://h1:19999/" || len(got.Alerts) != 2 || got.CommonLabels["instance"] != "h1" {
		t.Errorf("body %s", (*bodies)[0])
	}
	a, b := got.Alerts[0], got.Alerts[1]
	if a.Status != "firing" || a.Labels["alertname"] != "a" || a.Labels["severity"] != "critical" || a.Labels["subject"] != "/" ||
		a.Annotations["summary"] != "space used on /: 95 %" || a.StartsAt.Unix() != 1_800_000_000 || !a.EndsAt.IsZero() {
		t.Errorf("raised %+v", a)
	}
	if b.Status != "resolved" || b.Labels["severity"] != "warning" || b.EndsAt.Unix() != 1_800_000_060 || b.Fingerprint == a.Fingerprint {
		t.Errorf("cleared %+v", b)
	}
	resolved := Message{Node: "h1", Changes: message().Changes[1:]}
	if err := Webhook(url).Send(t.Context(), resolved); err != nil || !strings.Contains((*bodies)[1], `"status":"resolved","receiver"`) {
		t.Errorf("%v, body %s", err, (*bodies)[1])
	}
}

func TestSlackTakesNoMarkupFromNames(t *testing.T) {
	url, bodies := receiver(t, 200)
	if err := Slack(url).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text        string
		Attachments []struct{ Color, Title, Text, Fallback string }
	}
	if err := json.Unmarshal([]byte((*bodies)[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Text != "CRITICAL: 1 alerts, 1 cleared on h1" || len(got.Attachments) != 2 || got.Attachments[0].Color != "danger" || got.Attachments[1].Color != "good" {
		t.Errorf("body %+v", got)
	}
	if text := got.Attachments[1].Text; text != "CLEARED: evil &amp; co &lt;!channel&gt;: 95 %" {
		t.Errorf("text %q", text)
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		status  int
		refused bool
		want    string
	}{
		{404, true, "404"}, {400, true, "said so"}, {302, true, "302"}, {500, false, "500"}, {408, false, "408"}, {503, false, "503"}, {429, false, "429"},
	} {
		url, _ := receiver(t, tc.status, "Retry-After", "7", "Location", "http://127.0.0.1:1/elsewhere")
		err := Webhook(url).Send(t.Context(), message())
		if err == nil || errors.Is(err, ErrRefused) != tc.refused || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d: %v", tc.status, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%d: the error shows the address: %v", tc.status, err)
		}
		var patience *RetryAfter
		if asked := tc.status == 429 || tc.status == 503; errors.As(err, &patience) != asked || asked && patience.Wait != 7*time.Second {
			t.Errorf("%d: %v", tc.status, err)
		}
	}
	err := Slack("http://127.0.0.1:1/SECRET").Send(t.Context(), message())
	if err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("nobody there: %v", err)
	}
	if name := Slack("https://hooks.example.org/services/SECRET").Name(); name != "slack hooks.example.org" {
		t.Errorf("name %q", name)
	}
	if err := Webhook("://").Send(t.Context(), message()); !errors.Is(err, ErrRefused) {
		t.Errorf("an address that is none: %v", err)
	}
}
