"""What other people's tools say of the façade's HTTP."""
