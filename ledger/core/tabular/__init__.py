"""Tables of partners without EPCIS: rows become events, events become rows. Pure."""
