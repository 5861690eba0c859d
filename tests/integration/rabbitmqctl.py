"""rabbitmqctl, started once: its own code runs one command after the other in one Erlang VM. A command costs some
milliseconds that way, and a second of a processor if rabbitmqctl is started for it."""
import glob
import os
import queue
import subprocess
import threading
import zipfile

from patience import PATIENCE_S

# Reads lists of arguments, runs each as rabbitmqctl's main function does, and ends its output, on both streams, by a line of
# its own. The function leaves with exit({shutdown, Code}).
LOOP = r'''
{ok, _} = application:ensure_all_started(elixir),
ok = application:load(rabbitmqctl),
ok = io:setopts(standard_io, [{encoding, unicode}]),
ok = io:setopts(standard_error, [{encoding, unicode}]),
Run = fun(Words) ->
    {_, Ref} = spawn_monitor(fun() -> 'Elixir.RabbitMQCtl':main([<<"--script-name">> | Words]) end),
    receive {'DOWN', Ref, process, _, {shutdown, Code}} -> Code; {'DOWN', Ref, process, _, normal} -> 0;
            {'DOWN', Ref, process, _, Why} -> Why end
end,
Loop = fun(Again) ->
    case io:read('') of
        {ok, Words} ->
            Code = Run(Words),
            io:format(standard_error, "~n~s~n", ["END"]),
            io:format("~n~s ~w~n", ["END", Code]),
            Again(Again);
        eof -> halt()
    end
end,
spawn(fun() -> Loop(Loop) end).
'''


# What the script rabbitmqctl does, but for the end.
START = """
set -ea
. "${0%/*}"/rabbitmq-env
_rmq_env_set_erl_libs
exec erl +B -boot "$CLEAN_BOOT_FILE" -noshell -hidden $RABBITMQ_CTL_ERL_ARGS -pa "$1" -eval "$2"
"""


def erlang_binary(text):
    """A text as an Erlang binary, whatever is in it."""
    return '<<' + ','.join(str(octet) for octet in str(text).encode()) + '>>'


class RabbitmqctlVm:
    def __init__(self, lib, directory, environment):
        """`lib` has the releases of RabbitMQ; `directory` is for the code; the environment is what rabbitmqctl gets."""
        release = glob.glob(f'{lib}/rabbitmq_server-*')[0]
        code = os.path.join(directory, 'rabbitmqctl')
        with zipfile.ZipFile(f'{release}/escript/rabbitmqctl') as archive:
            archive.extractall(code)
        self.lock = threading.Lock()
        self.child = subprocess.Popen(
            ['sh', '-c', START, f'{release}/sbin/rabbitmqctl', code, LOOP],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.out, self.err = queue.Queue(), queue.Queue()
        for stream, into in ((self.child.stdout, self.out), (self.child.stderr, self.err)):
            threading.Thread(target=self.read, args=(stream, into), daemon=True).start()

    @staticmethod
    def read(stream, into):
        for line in stream:
            into.put(line)
        into.put(None)

    def take(self, lines):
        """What came before the line that ends a command's output, and what that line says."""
        text = ''
        while True:
            line = lines.get(timeout=PATIENCE_S)
            assert line is not None, f'the Erlang VM of rabbitmqctl ended: {text}'
            if line.startswith('END'):
                return text[:-1], line[4:-1]         # without the line end before END
            text += line

    def run(self, words, program='rabbitmqctl'):
        """The exit code, standard output, and standard error of one command of rabbitmqctl or of its siblings."""
        with self.lock:
            self.child.stdin.write(f'[{",".join(erlang_binary(word) for word in [program, *words])}].\n')
            (out, code), (err, _) = self.take(self.out), self.take(self.err)
        assert code.isdigit(), f'rabbitmqctl {words} ended with {code}\n{out}\n{err}'
        return int(code), out, err

    def stop(self):
        self.child.stdin.close()
        self.child.wait(PATIENCE_S)
