package config

import "log/slog"

// Secret is the cluster's password. However it is printed, logged or encoded, it
// shows only whether it is set; Reveal gives the password itself.
type Secret struct{ text string }

// NewSecret returns text as a secret; the empty text is "no secret".
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the password, empty when there is none.
func (s Secret) Reveal() string { return s.text }

// Set tells whether there is a password.
func (s Secret) Set() bool { return s.text != "" }

// String returns "set" or "unset".
func (s Secret) String() string {
	if s.Set() {
		return "set"
	}
	return "unset"
}

// GoString is String: %#v shows no password either.
func (s Secret) GoString() string { return s.String() }

// LogValue is String, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
