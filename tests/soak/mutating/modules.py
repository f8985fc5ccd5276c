"""Which modules are changed, and the tests that should notice: the file that mirrors a module first."""

from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TESTED_BY: Mapping[str, Mapping[str, Sequence[str]]] = {
    "metrics": {
        "musicgen/metrics/classifier.py": ["metrics/test_classifier"],
        "musicgen/metrics/comparison.py": ["metrics/test_comparison", "metrics/test_evaluation"],
        "musicgen/metrics/config.py": ["metrics/test_config"],
        "musicgen/metrics/distributions.py": ["metrics/test_distributions"],
        "musicgen/metrics/diversity.py": ["metrics/test_diversity"],
        "musicgen/metrics/evaluation.py": ["metrics/test_evaluation", "metrics/test_noise"],
        "musicgen/metrics/suffix_array.py": ["metrics/test_suffix_array"],
        "musicgen/metrics/tunes.py": ["metrics/test_tunes"],
        "musicgen/metrics/ngram.py": ["metrics/test_ngram"],
        "musicgen/metrics/noise.py": ["metrics/test_noise"],
        "musicgen/metrics/originality.py": ["metrics/test_originality", "metrics/test_per_tune"],
        "musicgen/metrics/profile.py": ["metrics/test_profile"],
        "musicgen/metrics/reference.py": ["metrics/test_reference"],
        "musicgen/metrics/reference_ahead.py": ["metrics/test_reference_ahead"],
        "musicgen/metrics/registry.py": [
            "metrics/test_registry",
            "metrics/test_measure",
            "metrics/test_table",
        ],
        "musicgen/metrics/similarity.py": ["metrics/test_similarity"],
        "musicgen/metrics/structure.py": ["metrics/test_structure"],
        "musicgen/metrics/table.py": ["metrics/test_table"],
        "musicgen/metrics/per_tune.py": ["metrics/test_per_tune"],
        "musicgen/metrics/validity.py": ["metrics/test_validity"],
    },
    "effects": {
        "musicgen/effects/table.py": ["study/test_effects_in_detail", "study/test_effects"],
        "musicgen/effects/pairing.py": ["study/test_pairing"],
        "musicgen/effects/statistics.py": ["study/test_statistics"],
        "musicgen/effects/shares.py": ["study/test_shares", "study/test_statistics"],
        "musicgen/effects/verdict.py": ["study/test_verdict"],
        "musicgen/effects/additivity.py": ["study/test_additivity"],
        "musicgen/records/criteria.py": ["study/test_criteria"],
    },
    "store": {
        "musicgen/records/store.py": ["study/test_store", "test_store"],
        "musicgen/records/identity.py": ["study/test_identity", "study/test_plan"],
        "musicgen/training/folder.py": ["training/test_folder", "test_store", "training/test_loop"],
        "musicgen/training/log.py": ["training/test_log", "training/test_loop"],
        "musicgen/training/state.py": ["training/test_state", "training/test_loop"],
        "musicgen/system/files.py": ["test_files", "training/test_folder"],
    },
    "decoding": {
        "musicgen/sampling/decoding.py": ["sampling/test_decoding"],
        "musicgen/sampling/generation.py": ["sampling/test_generation"],
    },
}
"""Group -> module -> files below tests/, without suffix; those that do not exist are left out."""


def group_of(module: str) -> str:
    """The group that a module belongs to."""
    return next(group for group, modules in TESTED_BY.items() if module in modules)


def mirrors_of(module: str) -> list[str]:
    """The test files of a module, as paths in the repository."""
    paths = [f"tests/{name}.py" for name in TESTED_BY[group_of(module)][module]]
    return [path for path in paths if (ROOT / path).is_file()]
