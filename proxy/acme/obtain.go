package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/acme"
)

// Errors of obtaining a certificate.
var (
	// ErrNoChallenge is returned where the authority offers no challenge that may be
	// answered.
	ErrNoChallenge = errors.New("the authority offers no challenge that may be answered")
	errAccount     = errors.New("the account's key is of another kind")
)

// obtain gets the certificate of a name and puts it into the store.
func (k *Keeper) obtain(ctx context.Context, name string) error {
	if k.fresh(name) {
		return nil
	}
	client, err := k.client(ctx)
	if err != nil {
		return err
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		return fmt.Errorf("order a certificate: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := k.authorize(ctx, client, url, k.kinds(name)); err != nil {
			return err
		}
	}
	at := order.URI // answers about it later need not say where it is
	if order, err = client.WaitOrder(ctx, at); err != nil {
		return fmt.Errorf("wait for the order: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, key)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	chain, _, err := client.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil {
		// The library looks for the order where the answer says it is, which RFC 8555
		// section 7.4 does not demand.
		if done, err2 := client.WaitOrder(ctx, at); err2 == nil && done.CertURL != "" {
			chain, err = client.FetchCert(ctx, done.CertURL, true)
		}
	}
	if err != nil {
		return fmt.Errorf("fetch the certificate: %w", err)
	}
	text, err := encode(key, chain)
	if err != nil {
		return err
	}
	value := k.box.Seal(text)
	if _, err := k.open(value); err != nil {
		return fmt.Errorf("what the authority sent: %w", err)
	}
	if err := k.cfg.Store.Set(ctx, certPrefix+name, value, 0); err != nil {
		return fmt.Errorf("keep the certificate: %w", err)
	}
	return nil
}

// client speaks to the authority, by the account that the proxies share.
func (k *Keeper) client(ctx context.Context) (*acme.Client, error) {
	key, err := k.accountKey(ctx)
	if err != nil {
		return nil, err
	}
	client := &acme.Client{Key: key, DirectoryURL: k.cfg.Directory, HTTPClient: k.cfg.HTTP, UserAgent: "pingd"}
	account := &acme.Account{}
	if k.cfg.Email != "" {
		account.Contact = []string{"mailto:" + k.cfg.Email}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("register with %s: %w", k.cfg.Directory, err)
	}
	return client, nil
}

// accountKey returns the key in the store; whoever holds the lock makes it.
func (k *Keeper) accountKey(ctx context.Context) (crypto.Signer, error) {
	k.mu.Lock()
	text := k.account
	k.mu.Unlock()
	if text != "" {
		plain, err := k.box.Open(text)
		if err != nil {
			return nil, fmt.Errorf("read the account's key: %w", err)
		}
		key, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, fmt.Errorf("read the account's key: %w", err)
		}
		if signer, ok := key.(*ecdsa.PrivateKey); ok {
			return signer, nil
		}
		return nil, errAccount
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the account's key: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the account's key: %w", err)
	}
	text = k.box.Seal(plain)
	if err := k.cfg.Store.Set(ctx, accountKey, text, 0); err != nil {
		return nil, fmt.Errorf("keep the account's key: %w", err)
	}
	k.mu.Lock()
	k.account = text
	k.mu.Unlock()
	return key, nil
}

// encode writes key and chain as PEM.
func encode(key *ecdsa.PrivateKey, chain [][]byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: der}) // a Buffer takes everything
	for _, c := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c})
	}
	return b.Bytes(), nil
}
