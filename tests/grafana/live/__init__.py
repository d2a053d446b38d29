"""The dashboard against real servers: what each of its queries returns, and whether that is what its panel promises."""
