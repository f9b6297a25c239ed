"""Two logs.db as the program llm writes them: before 0.32 (responses) and since (a tree of messages).

    oracle/bin/pip install llm==0.36
    oracle/bin/python tests/oracle/make_llm.py

New: llm's own code logs a model that answers by rote. Old: its first 22 migrations make the tables, and
the rows are those its 0.31 wrote.
"""

import os
import pathlib

import llm
import sqlite_utils
from llm import migrations

HERE = pathlib.Path(__file__).parent / "llm"
WHEN = ["2025-03-01T09:30:%02d.123456+00:00" % i for i in range(10)]


class Rote(llm.Model):
    model_id = "rote"

    def execute(self, prompt, stream, response, conversation=None):
        yield "answer to " + prompt.prompt.split("\n")[-1]


def fresh(name):
    path = HERE / name
    path.unlink(missing_ok=True)
    return sqlite_utils.Database(path)


def new():
    db = fresh("new.db")
    migrations.migrate(db)
    model = Rote()
    talk = llm.Conversation(model=model, id="01jn8new0000000000000000a1")
    for prompt in ["first question new", "second: größer? 世界"]:
        response = talk.prompt(prompt, system="be brief")
        response.text()
        response.log_to_db(db)
    response = model.prompt("about it", fragments=["a long fragment"])
    response.text()
    response.log_to_db(db)
    with db.conn:
        db.execute("update threads set datetime_utc = ?", [WHEN[0]])
        for i, (turn,) in enumerate(db.execute("select id from turns order by rowid").fetchall()):
            db.execute("update turns set datetime_utc = ?, duration_ms = 5 where id = ?", [WHEN[i], turn])
    db.execute("pragma page_size = 512")
    db.vacuum()
    db.close()


def old():
    db = fresh("old.db")
    migrations.ensure_migrations_table(db)
    for step in migrations.MIGRATIONS:
        if step.__name__ < "m023":
            step(db)
    db["conversations"].insert({"id": "01jn8old0000000000000000a1", "name": "first question old", "model": "gpt-4o"})
    db["conversations"].insert({"id": "01jn8old0000000000000000a2", "name": "with tools", "model": "gpt-4o"})

    def row(n, talk, prompt, response, system=None):
        db["responses"].insert({
            "id": "01jn8old00000000000000r%03d" % n, "model": "gpt-4o", "prompt": prompt, "system": system,
            "options_json": "{}", "response": response, "conversation_id": "01jn8old0000000000000000" + talk,
            "duration_ms": 5, "datetime_utc": WHEN[n]})
        return "01jn8old00000000000000r%03d" % n

    row(0, "a1", "first question old", "answer to first question old", "be brief")
    row(1, "a1", "second: größer? 世界", "answer to second: größer? 世界", "be brief")
    asked = row(2, "a2", "what is the weather?", "")
    db["tool_calls"].insert({"response_id": asked, "name": "weather", "arguments": '{"city": "Oslo"}', "tool_call_id": "t1"})
    told = row(3, "a2", "", "it rains")
    db["tool_results"].insert({"response_id": told, "name": "weather", "output": "rain", "tool_call_id": "t1"})
    asked = row(4, "a2", "and this?", "a picture and a text")
    db["fragments"].insert({"id": 1, "hash": "h", "content": "a long fragment"})
    db["prompt_fragments"].insert({"response_id": asked, "fragment_id": 1, "order": 0})
    db["attachments"].insert({"id": "p", "type": "image/png", "url": "http://example.org/p.png"})
    db["prompt_attachments"].insert({"response_id": asked, "attachment_id": "p", "order": 0})
    db.execute("pragma page_size = 512")
    db.vacuum()
    db.close()


if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    old()
    new()
