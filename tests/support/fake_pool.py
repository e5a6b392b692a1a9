"""A worker pool without workers: it computes in this process, and delays, reorders, duplicates and drops by dice."""

import random

from rustybt_ray.execution.events import ChunkDone, ChunkFailed, WorkerDied, WorkerReady
from rustybt_ray.execution.inline import InlinePool
from rustybt_ray.execution.policy import ChunkPolicy


class FakePool(InlinePool):
    """`size` workers; every report may come late, out of order or twice, and every worker may die with what it has.

    A dead worker's answer may still arrive, after its death was reported. The dice never fall on the same trial twice while it
    is alone: it would rightly be recorded as an error.
    """

    in_process = False

    def __init__(self, seed=0, size=3, deaths=0.05, faults=0.05, twice=0.2, late=0.5):
        super().__init__()
        self.size = size
        self.dice = random.Random(seed)
        self.deaths, self.faults, self.twice, self.late = deaths, faults, twice, late
        self.next, self.queues, self.mail, self.log = 0, {}, [], []
        self.sent, self.struck = {}, set()

    @property
    def policy(self):
        return ChunkPolicy(target=1e9, first=3, growth=1.0)

    def prepare(self, job):
        super().prepare(job)
        self._ready, self.mail = False, []
        self.queues, self.struck = {}, set()
        for _ in range(self.size):
            self._join()

    def submit(self, worker, chunk):
        if worker in self.queues:
            self.queues[worker].append(chunk)
            self.sent[worker].append(chunk)
            assert len(self.queues[worker]) <= 2

    def replace(self, worker):
        self.queues.pop(worker, None)
        self._join()

    def abandon(self):
        self.mail = []
        for queue in self.queues.values():
            queue.clear()

    def poll(self, timeout):
        for worker in list(self.queues):
            if self.queues[worker] and self.dice.random() < self.deaths:
                self._die(worker)
            elif self.queues[worker] and self.dice.random() < 0.7:
                self._answer(worker)
        now = [report for report in self.mail if self.dice.random() >= self.late]
        self.mail = [report for report in self.mail if not any(report is sent for sent in now)]
        self.mail += [report for report in now if self.dice.random() < self.twice]
        self.dice.shuffle(now)
        # a worker is ready before anything else is known of it
        now.sort(key=lambda report: not isinstance(report[0], WorkerReady))
        self.log += [event for event, _ in now]
        return now

    def _join(self):
        self.next += 1
        self.queues[self.next], self.sent[self.next] = [], []
        self.mail.append((WorkerReady(self.next), None))

    def _answer(self, worker):
        chunk = self.queues[worker].pop(self.dice.randrange(len(self.queues[worker])))
        if self.dice.random() < self.faults and self._may_strike([chunk]):
            self.mail.append((ChunkFailed(worker, chunk.number, "MemoryError: by dice"), None))
            return
        block = self._runner.run(chunk)
        self.mail.append((ChunkDone(worker, chunk.number, float(block.duration.sum()), 1000), block))

    def _die(self, worker):
        queue = self.queues.pop(worker)
        if queue and self.dice.random() < 0.5:
            self.queues[worker] = queue[:1]
            self._answer(worker)
            self.queues.pop(worker)
        suspect = self.dice.random() < 0.5 and self._may_strike(self.sent[worker])
        self.mail.append((WorkerDied(worker, "by dice", suspect), None))

    def _may_strike(self, chunks):
        """Whether none of these trials was struck before while it was alone; they are now."""
        alone = {int(chunk.numbers[0]) for chunk in chunks if len(chunk) == 1}
        if alone & self.struck:
            return False
        self.struck |= alone
        return True
