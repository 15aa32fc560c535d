"""One file per telephony platform: verify, parse, render. No network."""
