"""What a scraper and a person see: the metrics page, the status page, health, and the sockets behind them."""
