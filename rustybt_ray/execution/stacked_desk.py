"""Where several trials are traded in one call of the ledger, on threads beside the strategy's own if they pay."""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from rustybt_ray.engine.backtest import Simulator
from rustybt_ray.engine.stack import Stack
from rustybt_ray.execution.desk import Desk
from rustybt_ray.execution.pace import Pace


class StackedDesk(Desk):
    """Stacks of weights: one is filled; others are traded meanwhile by threads, for the ledger does not hold the GIL.

    The strategy is called on one thread only. The others are daemons: a process that ends does not wait for them.

    Parameters
    ----------
    simulator : Simulator
        Of the strategy's thread; the others get twins.
    pace : Pace
        Learns what trials take.
    size : int
        Trials of a stack.
    helpers : int, default 0
        Threads.
    keeps : bool, default False
        Whether stacks, of one trial, keep its daily returns.

    Raises
    ------
    RuntimeError
        If the system has no more threads.
    """

    def __init__(self, simulator: Simulator, pace: Pace, size: int, helpers: int = 0, *, keeps: bool = False) -> None:
        super().__init__(simulator, pace)
        self.helpers = helpers
        self._twins = [simulator.twin() for _ in range(helpers)]
        # one that is filled; for each thread one that it trades and one that waits for it
        self._filling, *self._free = (
            Stack(simulator, size, keeps=keeps, aside=helpers > 0) for _ in range(1 + 2 * helpers)
        )
        self._given: SimpleQueue[Stack | None] = SimpleQueue()
        self._traded: SimpleQueue[Stack] = SimpleQueue()
        self._out = 0
        self._threads = [
            threading.Thread(target=self._serve, args=(twin,), name=f"rustybt_ray-ledger-{number}", daemon=True)
            for number, twin in enumerate(self._twins, 1)
        ]
        self._begin()

    def trade(self, place: int, handed: list[Any]) -> None:
        """Trade the weights of the trial at a place of its chunk with those of others; they are taken out of their list.

        Raises
        ------
        WeightsError
            If they do not fit the panel.
        """
        if not self._filling.put(place, handed):
            self._send()
            self._filling.put(place, handed)
        if self._filling.full:
            self._send()

    def finish(self) -> None:
        """Trade what waits and what no thread has begun, and wait for the rest."""
        if self._filling.places:
            self._trade(self._filling)
        while self._out:
            with suppress(Empty):
                if (stack := self._given.get_nowait()) is not None:
                    stack.trade(self.simulator)
                    self._traded.put(stack)
            self._take_back(self._traded.get())
        for stack in (self._filling, *self._free):
            stack.release()
        for simulator in (self.simulator, *self._twins):
            simulator.release()

    def close(self) -> None:
        """End the threads."""
        for _ in self._threads:
            self._given.put(None)
        for thread in self._threads:
            thread.join()

    def _begin(self) -> None:
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:
            self._threads = [thread for thread in self._threads if thread.ident is not None]
            self.close()
            raise

    def _send(self) -> None:
        """The stack is full: it is handed over if another one is free to be filled, else traded here."""
        with suppress(Empty):
            while self._out:
                self._take_back(self._traded.get_nowait())
        if self._free:
            self._given.put(self._filling)
            self._out += 1
            self._filling = self._free.pop()
        else:
            self._trade(self._filling)

    def _trade(self, stack: Stack) -> None:
        stack.trade(self.simulator)
        self._take(stack)

    def _take_back(self, stack: Stack) -> None:
        self._out -= 1
        self._take(stack)
        self._free.append(stack)

    def _take(self, stack: Stack) -> None:
        self.trades.keep_stack(stack)
        self.pace.traded(len(stack.places), stack.seconds)
        stack.clear()

    def _serve(self, simulator: Simulator) -> None:
        while (stack := self._given.get()) is not None:
            stack.trade(simulator)
            self._traded.put(stack)
