"""The default recipe to its end beside the course's loop for as long as the course runs it."""

from benchmarks.alternation import Comparison, alternate, tell
from benchmarks.corpora import default_corpus, describe_corpus, training_tokens
from benchmarks.machine import use_all_cores
from benchmarks.ours import own_process, threads_of, whole_training_seconds
from benchmarks.peers.course import CourseTraining
from benchmarks.report import Part, Row
from benchmarks.workloads.training import peer_work
from musicgen.config import compose_config, resolve
from musicgen.training.threads import num_cores

COURSE_ITERATIONS = 3000
PEER_STEPS = 100


def measure(num_repeats: int) -> Part:
    """Whole trainings of the default, and steps of the course's loop times their number."""
    config = resolve(compose_config([f"training.num_threads={num_cores()}"]))
    model, training = config.model, config.training
    name = (
        f"{model.num_layers} × {model.cell.upper()} {model.hidden_size}, {training.num_iterations} iterations"
    )
    tell(f"recipe: {name}")
    course = CourseTraining(
        training_tokens(),
        default_corpus().vocabulary.size,
        cell="lstm",
        hidden_size=1024,
        batch_size=8,
        sequence_length=100,
    )
    step = peer_work(course.step, PEER_STEPS)
    use_all_cores()
    with own_process() as do:
        timings = alternate(
            {
                "ours": lambda: do(whole_training_seconds, config),
                "course's loop": lambda: COURSE_ITERATIONS * step(),
            },
            num_repeats,
        )
    comparison = Comparison(timings["ours"], timings["course's loop"])
    return Part(
        title="The default recipe",
        text=(
            f"A whole training of the default on {describe_corpus()} with its validations, on "
            f"{threads_of(config)} threads, against {COURSE_ITERATIONS} iterations of the course's loop "
            f"(LSTM 1024, 8 × 100, no validation), of which {PEER_STEPS} are measured in each repeat."
        ),
        rows=[Row(name, str(training.precision), "course's loop", comparison, "training", 1.0)],
    )
