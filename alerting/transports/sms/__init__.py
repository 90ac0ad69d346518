"""Text messages, through the carrier that the operator has named."""
