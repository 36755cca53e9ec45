// Package cert finds the certificate for a name, from files that may be replaced
// at any time and from wherever else certificates come.
//
// A file holds a chain and its key in PEM, or the key lies beside it (fullchain.pem
// with privkey.pem, as certbot writes them; x.pem or x.crt with x.key; x.pem.key).
// A directory stands for the files in it and, one level down, for such pairs. Which
// names a certificate is for, it says itself. Nothing that cannot be used replaces
// what is in use: a pair of which only one half has been written is looked at again
// until both fit.
package cert
