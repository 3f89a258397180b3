package config

import "processor/internal/secret"

// mask stands wherever a secret would have been shown.
const mask = secret.Mask

// Secret is text of the configuration that nothing ever shows.
type Secret = secret.Text
