"""Security events that others tell us (Shared Signals Framework): CAEP and RISC, pushed as signed tokens."""
