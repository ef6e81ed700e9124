"""What commands share: options, running, and how verdicts are shown."""
