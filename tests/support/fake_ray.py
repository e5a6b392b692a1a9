"""A Ray without processes, as far as a crew uses it: actors get a CPU when a node has one, and die with their node."""

import itertools

import ray


class Call:
    """The reference of a call's answer."""

    def __init__(self):
        self.done, self.value = False, None

    def resolve(self, value):
        self.done, self.value = True, value


class Actor:
    """Keeps calls until it has a node; `shares` is how many workers of its node it was told of, the latest at the end."""

    def __init__(self, cluster):
        self.cluster, self.place, self.dead, self.calls, self.shares = cluster, None, None, [], []

    def __getattr__(self, name):
        return Method(self, name)

    def answer(self):
        for call, name, args in self.calls:
            if name == "setup" and self.place in self.cluster.broken:
                call.resolve(ray.exceptions.RayTaskError("setup", "", ModuleNotFoundError("No module named 'numba'")))
                continue
            if name == "setup":
                self.shares.append(args[2])
            if name == "share":
                self.shares.append(args[0])
            call.resolve({"node": self.place, "run": self.cluster.block}.get(name))
        self.calls = []

    def die(self, why, error=None):
        self.dead = error or ray.exceptions.ActorDiedError()
        self.dead.error_msg = why
        for call, *_ in self.calls:
            call.resolve(self.dead)
        self.calls = []


class Method:
    def __init__(self, actor, name):
        self.actor, self.name = actor, name

    def remote(self, *args):
        call = Call()
        self.actor.calls.append((call, self.name, args))
        if self.actor.dead is not None:
            call.resolve(self.actor.dead)
        return call


class FakeRay:
    """What a crew sees of Ray; the rest is for tests.

    No worker can be set up on `broken` nodes, none starts on those that are `cut` off; chunks' answer is `block`.
    """

    exceptions = ray.exceptions

    def __init__(self, *cpus, block=None):
        self.block, self.broken, self.cut = block, set(), set()
        self.cpus, self.actors, self.held, self.names = {}, [], 0, itertools.count(1)
        for count in cpus:
            self.join(count)

    def join(self, cpus):
        name = f"node-{next(self.names)}"
        self.cpus[name] = cpus
        return name

    def leave(self, name):
        del self.cpus[name]
        for actor in self.on(name):
            actor.die("The actor died because its node has died.")

    def cut_off(self, name):
        """The node is gone and still listed, as Ray does for a while."""
        self.cut.add(name)
        for actor in self.on(name):
            actor.die("unavailable", ray.exceptions.ActorUnavailableError("unavailable", None))

    def on(self, name):
        return [actor for actor in self.actors if actor.place == name and actor.dead is None]

    def remote(self, cls):
        return self

    def options(self, **options):
        cluster = self

        class Class:
            @staticmethod
            def remote(*args):
                cluster.actors.append(Actor(cluster))
                return cluster.actors[-1]

        return Class

    def put(self, value):
        return value

    def kill(self, actor):
        actor.die("killed")

    def get(self, calls):
        if isinstance(calls, list):
            return [self.get(call) for call in calls]
        if isinstance(calls.value, BaseException):
            raise calls.value
        return calls.value

    def wait(self, calls, num_returns=1, timeout=None):
        self.work()
        return [call for call in calls if call.done], [call for call in calls if not call.done]

    def work(self):
        for actor in self.actors:
            if actor.dead is None and actor.place is None and self.free() >= 1:
                room = (name for name in self.cpus if name not in self.cut and len(self.on(name)) < self.cpus[name])
                actor.place = next(room, None)
            if actor.dead is None and actor.place is not None:
                actor.answer()

    def free(self):
        return sum(self.cpus.values()) - self.held - sum(len(self.on(name)) for name in self.cpus)

    def nodes(self):
        return [
            {"NodeID": name, "Alive": True, "Resources": {"CPU": float(count)}} for name, count in self.cpus.items()
        ]

    def available_resources(self):
        return {"CPU": float(self.free())}
