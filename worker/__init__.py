"""campaign-dialer."""
