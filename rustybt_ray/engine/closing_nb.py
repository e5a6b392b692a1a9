"""The end of a test: whatever is held is closed at the last session's close, with costs."""

from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.fills_nb import book_fill, charge, count_turnover, fill_price, log_fill
from rustybt_ray.engine.structures import (
    CHARGED,
    DONE_NOTIONAL,
    DONE_SHARES,
    EQUITY,
    FILL_CLOSING,
    GROSS,
    PRICE,
    SHARES,
    Book,
    Log,
    Market,
    Record,
)


@kernel
def close_position(market: Market, rules: Record, account: Record, book: Book, log: Log, row: int, a: int) -> None:
    """Close one position at its mark: a bar that is missing or has no volume does not keep it, nor does a share of volume."""
    cells = book.cells
    shares, price, volume = cells[SHARES, a], market.mark[a, row], market.volume[row, a]
    size, side = abs(shares), -1.0 if shares > 0.0 else 1.0
    if not volume > 0.0:
        volume = 0.0
    fill = max(fill_price(rules, price, side, size, 0.0, volume), 0.0)
    cells[PRICE, a] = price
    cells[DONE_SHARES, a] = cells[DONE_NOTIONAL, a] = cells[CHARGED, a] = 0.0
    commission = charge(rules, cells, a, size, size * fill)
    book_fill(rules, account, cells, book.held, a, -shares, fill, commission)
    log_fill(account, log.fills, row, a, -shares, fill, (commission, abs(fill - price) * size), FILL_CLOSING)


@kernel
def close_all(market: Market, rules: Record, account: Record, book: Book, log: Log, first: int, row: int) -> None:
    """Close every position in column order; the row's value is what is left."""
    if account.positions == 0 or account.ruined > 0.0:
        return
    curves = book.curves
    while account.positions > 0:
        close_position(market, rules, account, book, log, row, book.held[0])
    account.cash -= account.after_bar
    account.after_bar = 0.0
    count_turnover(market, rules, account, curves, first, row)
    curves[EQUITY, row], curves[GROSS, row] = account.cash + account.claims, 0.0
    if curves[EQUITY, row] <= 0.0:
        account.ruined = 1.0
        curves[EQUITY, row] = 0.0
    if log.positions.shape[0] > 0:
        log.positions[row] = 0.0
        log.cash[row] = account.cash
