"""What testbed asks of the server that balances; one package a server."""
