# The tutorial's settings of gunicorn; its meinheld worker is no longer made,
# gevent's is of the same kind.
import multiprocessing
import os

bind = os.environ["TUTORIAL_BIND"]
workers = multiprocessing.cpu_count() * 2 + 1
worker_class = "gevent"
loglevel = "warning"
if os.environ["TUTORIAL_DEBUG"] == "1":
    reload = True
    accesslog = "-"
