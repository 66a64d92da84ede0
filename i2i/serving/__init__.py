"""A page to try a translator on, and a small HTTP API: what ``i2i serve`` starts.

Two processes: the one that was started talks HTTP and never looks at a picture; the other one holds the model, and
decodes, translates and encodes. A file that crashes a decoder, takes too long or eats the memory ends the second
process alone, and the next request starts it anew.

Begin with :mod:`~i2i.serving.server`, which binds the address and runs both; :mod:`~i2i.serving.app` has the endpoints,
:mod:`~i2i.serving.guard` judges whose requests are accepted, :mod:`~i2i.serving.service` how many and how large, within
:class:`~i2i.serving.messages.Limits`. :mod:`~i2i.serving.worker` is the second process seen from the first,
:mod:`~i2i.serving.translating` from within: only there is torch imported.

May import ``api``, ``translation``, ``models``, ``images`` and ``environment``.
"""

from i2i.serving.messages import Limits, ModelInfo
from i2i.serving.server import serve

__all__ = ["Limits", "ModelInfo", "serve"]
