"""Where credentials live."""
