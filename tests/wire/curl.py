"""Runs curl and reads strictly what it brought back."""

import subprocess

import raw


class Curl:
    """What one run of curl brought back: the heads it saw, and the body."""

    def __init__(self, broker, path, *arguments, data=None):
        command = ["curl", "-sS", "-i", "--max-time", "20", *arguments]
        result = subprocess.run(
            [*command, broker.url(path)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        self.output = result.stdout
        self.answers = list(self.parse(result.stdout, "-I" in arguments))

    @staticmethod
    def parse(output, is_head):
        """Each answer, from one head to the next."""
        while output:
            head, output = output.split(b"\r\n\r\n", 1)
            answer = raw.HttpAnswer(head)
            if answer.may_have_body() and not is_head:
                count = int(answer.headers["content-length"])
                answer.body, output = output[:count], output[count:]
            yield answer

    @property
    def answer(self):
        """The last answer."""
        return self.answers[-1]


def last_event(broker, topic):
    """The opcode and payload of the last event of a topic."""
    with raw.WebSocket(broker, f"/subscribe/{topic}?since=-1") as peer:
        return peer.frame()
