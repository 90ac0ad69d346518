"""Phone calls, through the carrier that the operator has named."""
