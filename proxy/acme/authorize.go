package acme

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/acme"
)

// The ways to prove that a name is ours.
const (
	// HTTP01 has the authority ask for a token at port 80 (RFC 8555 section 8.3).
	HTTP01 = "http-01"
	// TLSALPN01 has it ask for a certificate at port 443 (RFC 8737).
	TLSALPN01 = "tls-alpn-01"
)

var errKey = errors.New("the challenge's key is of another kind")

// kinds returns the challenges that may be answered for a name, the one to be preferred
// first. Where either will do they take turns: an authority may reach only one port.
func (k *Keeper) kinds(name string) []string {
	if k.cfg.Challenge != "" {
		return []string{k.cfg.Challenge}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tries[name].failed%2 == 1 {
		return []string{TLSALPN01, HTTP01}
	}
	return []string{HTTP01, TLSALPN01}
}

// authorize proves to the authority that a name is ours.
func (k *Keeper) authorize(ctx context.Context, client *acme.Client, url string, kinds []string) error {
	a, err := client.GetAuthorization(ctx, url)
	if err != nil {
		return fmt.Errorf("ask for the challenges: %w", err)
	}
	if a.Status == acme.StatusValid {
		return nil
	}
	for _, kind := range kinds {
		i := slices.IndexFunc(a.Challenges, func(c *acme.Challenge) bool { return c.Type == kind })
		if i < 0 {
			continue
		}
		return k.answer(ctx, client, url, a.Identifier.Value, a.Challenges[i])
	}
	return fmt.Errorf("%w: %v", ErrNoChallenge, kinds)
}

// answer answers a challenge for a name and waits for what the authority makes of it.
func (k *Keeper) answer(ctx context.Context, client *acme.Client, url, name string, c *acme.Challenge) error {
	key, value, asks, err := k.proof(client, name, c)
	if err != nil {
		return fmt.Errorf("answer the challenge %s: %w", c.Type, err)
	}
	if err := k.publish(ctx, key, value); err != nil {
		return err
	}
	defer func() { _ = k.remove(ctx, key) }() // else it ends by itself
	if _, err := client.Accept(ctx, c); err != nil {
		return fmt.Errorf("accept the challenge %s: %w", c.Type, err)
	}
	if _, err := client.WaitAuthorization(ctx, url); err != nil {
		return fmt.Errorf("the authority asks %s: %w", asks, err)
	}
	return nil
}

// proof returns what is put into the store for a challenge, and where the authority asks.
func (k *Keeper) proof(client *acme.Client, name string, c *acme.Challenge) (key, value, asks string, err error) {
	if c.Type == HTTP01 {
		value, err = client.HTTP01ChallengeResponse(c.Token)
		return tokenPrefix + c.Token, value, "http://" + name + "/.well-known/acme-challenge/", err
	}
	cert, err := client.TLSALPN01ChallengeCert(c.Token, name)
	if err != nil {
		return "", "", "", err
	}
	private, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return "", "", "", errKey
	}
	text, err := encode(private, cert.Certificate)
	return proofPrefix + name, k.box.Seal(text), name + ":443", err
}

// publish has every proxy know a value: it waits until this one does, and a little for
// the others.
func (k *Keeper) publish(ctx context.Context, key, value string) error {
	seen := make(chan struct{})
	k.mu.Lock()
	k.seen[key] = seen
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		delete(k.seen, key)
		k.mu.Unlock()
	}()
	if err := k.cfg.Store.Set(ctx, key, value, tokenLife); err != nil {
		return fmt.Errorf("publish the answer: %w", err)
	}
	select {
	case <-seen:
	case <-ctx.Done():
		return fmt.Errorf("publish the answer: %w", ctx.Err())
	}
	others := time.NewTimer(k.settle)
	defer others.Stop()
	select {
	case <-others.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("publish the answer: %w", ctx.Err())
	}
}
