"""The grammar of Registry v2: pure, no I/O, no clock. Source: registries/README.md section 2 and the specifications it names."""
