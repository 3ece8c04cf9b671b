"""S3 as moto plays it, on a port of its own, with a clock that tests can turn.

It keeps to If-None-Match on PutObject and CompleteMultipartUpload and to If-Match on GetObject, PutObject and
DeleteObject, as S3 does; but it looks first and writes then, so that of two writers at the same instant both may win.
POST /turn-clock?SECONDS sets the store's clock so much ahead of the machine's.
"""

import datetime

import moto.s3.models as models
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ahead = datetime.timedelta()
true_time = models.utcnow
models.utcnow = lambda: true_time() + ahead
s3 = DomainDispatcherApplication(create_backend_app)


def serve(environ, start_response):
    global ahead
    if environ["PATH_INFO"] == "/turn-clock":
        ahead = datetime.timedelta(seconds=int(environ["QUERY_STRING"]))
        start_response("204 No Content", [])
        return []
    return s3(environ, start_response)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
