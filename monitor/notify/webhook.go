package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pingd/monitor/alert"
)

// post sends a JSON body to an address.
type post struct {
	kind    string
	address string
	client  *http.Client
	encode  func(Message) any
}

// Webhook posts JSON as Prometheus's Alertmanager does (its webhook_config, version
// 4 of the data), so that whatever takes alerts from it takes ours.
func Webhook(address string) Way {
	return &post{kind: "webhook", address: address, client: newClient(), encode: alertmanager}
}

// Slack posts to an incoming webhook of Slack, Mattermost, Rocket.Chat and their like.
func Slack(address string) Way {
	return &post{kind: "slack", address: address, client: newClient(), encode: slack}
}

func newClient() *http.Client {
	return &http.Client{
		// A redirect would hand the message, and the secret in the address, to others.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// Seldom used: a connection kept open would only be one more to lose.
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
}

// Name shows whom it posts to, and not the path, which often is a secret.
func (p *post) Name() string {
	u, err := url.Parse(p.address)
	if err != nil {
		return p.kind
	}
	return p.kind + " " + u.Host
}

func (p *post) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(p.encode(m))
	if err != nil {
		return fmt.Errorf("%w: encode: %w", ErrRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %s", ErrRefused, p.Name())
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pingd")
	resp, err := p.client.Do(req)
	if err != nil {
		var u *url.Error // its text has the whole address
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("post to %s: %w", p.Name(), err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // for the log only
	err = fmt.Errorf("post to %s: %s %s", p.Name(), resp.Status, strings.ToValidUTF8(strings.TrimSpace(string(said)), "?"))
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date, or nothing: our own pace
		return &RetryAfter{time.Duration(max(0, seconds)) * time.Second, err}
	case code/100 == 5, code == http.StatusRequestTimeout:
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// hook is what Alertmanager posts.
type hook struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []hookAlert       `json:"alerts"`
}

type hookAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

func alertmanager(m Message) any {
	labels := map[string]string{"instance": m.Node, "job": "pingd"}
	h := hook{
		Version: "4", GroupKey: "pingd/" + m.Node, Status: "resolved", Receiver: "pingd", GroupLabels: labels,
		CommonLabels: labels, CommonAnnotations: map[string]string{}, ExternalURL: m.Page,
	}
	for i := range m.Changes {
		c := &m.Changes[i]
		a := hookAlert{
			Status: "firing",
			Labels: map[string]string{
				"alertname": c.Rule, "instance": m.Node, "job": "pingd", "series": c.Series, "severity": severity(max(c.Severity, c.Before)),
			},
			Annotations: map[string]string{"summary": c.Text(), "value": strconv.FormatFloat(c.Value, 'g', 6, 64), "unit": c.Unit},
			StartsAt:    time.Unix(c.Since, 0).UTC(), GeneratorURL: m.Page, Fingerprint: fingerprint(m.Node, &c.Alert),
		}
		if c.Subject != "" {
			a.Labels["subject"] = c.Subject
		}
		if c.Severity == alert.Clear {
			a.Status, a.EndsAt = "resolved", time.Unix(c.Changed, 0).UTC()
		} else {
			a.Labels["severity"], h.Status = severity(c.Severity), "firing"
		}
		h.Alerts = append(h.Alerts, a)
	}
	return h
}

// severity is what rules of Prometheus commonly call it.
func severity(s alert.Severity) string {
	if s == alert.Crit {
		return "critical"
	}
	return "warning"
}

func fingerprint(node string, a *alert.Alert) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(node + "/" + a.ID())) // a hash takes everything
	return strconv.FormatUint(h.Sum64(), 16)
}

type slackMessage struct {
	Text        string            `json:"text"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color     string `json:"color"`
	Title     string `json:"title"`
	TitleLink string `json:"title_link,omitempty"`
	Text      string `json:"text"`
	Fallback  string `json:"fallback"`
	Footer    string `json:"footer"`
	TS        int64  `json:"ts"`
}

func slack(m Message) any {
	out := slackMessage{Text: escape(m.Headline())}
	for i := range m.Changes {
		c := &m.Changes[i]
		line := escape(Line(c))
		out.Attachments = append(out.Attachments, slackAttachment{
			Color: map[alert.Severity]string{alert.Clear: "good", alert.Warn: "warning", alert.Crit: "danger"}[c.Severity],
			Title: escape(c.Rule), TitleLink: m.Page, Text: line, Fallback: line, Footer: "pingd " + escape(m.Node), TS: c.Changed,
		})
	}
	return out
}

// escape keeps names from being taken for Slack's markup, such as a mention of
// everybody.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
