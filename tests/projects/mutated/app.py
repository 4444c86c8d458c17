"""Takes apart whatever it is sent, in as many ways as there are."""

import copy
import json

from flask import Flask, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4 << 20


@app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@app.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def anything(path):
    found = [path, request.args.to_dict(flat=False), dict(request.headers), dict(request.cookies)]
    if request.is_json:
        value = request.get_json()
        found += [json.dumps(value), repr(value), copy.deepcopy(value) == value]
    else:
        found += [request.form.to_dict(flat=False), [(name, len(file.read())) for name, file in request.files.items()]]
        found.append(request.get_data(as_text=True)[:100])
    return {"size": len(repr(found))}


if __name__ == "__main__":
    app.run(port=8000)
