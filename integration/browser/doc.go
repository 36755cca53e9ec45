// Package browser drives a headless Chromium for tests, over its own protocol
// (https://chromedevtools.github.io/devtools-protocol/): open a page, ask it
// questions in JavaScript, take pictures, and know what it asked of whom.
package browser
