package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"pingd/cmd/pingd/survey"
	"pingd/kv/client"
	"pingd/monitor/alert"
)

// silences are those in the store.
type silences struct {
	store *client.Client
	log   *slog.Logger
}

func silenceKey(id string) string { return survey.Silences + url.PathEscape(id) }

func (s silences) Watch(ctx context.Context, fn func([]alert.Silence)) error {
	return s.store.Watch(ctx, survey.Silences, func(values map[string]string) {
		all := make([]alert.Silence, 0, len(values))
		for key, value := range values {
			var one alert.Silence
			if err := json.Unmarshal([]byte(value), &one); err != nil {
				s.log.Warn("silence left out", "key", key, "err", err)
				continue
			}
			all = append(all, one)
		}
		fn(all)
	})
}

func (s silences) Put(ctx context.Context, one alert.Silence) error {
	text, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("encode silence: %w", err)
	}
	_, err = s.store.Do(ctx, "SET", silenceKey(one.ID()), string(text), "PXAT", one.Until.UnixMilli())
	return err
}

func (s silences) Delete(ctx context.Context, id string) error {
	_, err := s.store.Do(ctx, "DEL", silenceKey(id))
	return err
}

// readPassword reads the first line of a file; no file holds no password.
func readPassword(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--monitor-smtp-file=%s: %w\nhint: ls -l %s", file, err, file)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line), nil
}
