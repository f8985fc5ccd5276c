import weakref

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from musicgen.study.watch import SweepWatch


class Network:
    """Something large."""


def test_what_a_job_returned_holds_neither_its_config_nor_what_its_functions_held() -> None:
    kept = []

    def fail() -> None:
        network = Network()
        kept.append(weakref.ref(network))
        raise ValueError("diverged")

    config = OmegaConf.create({"seed": 0})
    job_return = JobReturn(cfg=config, hydra_cfg=config, status=JobStatus.FAILED)
    try:
        fail()
    except ValueError as error:
        job_return.return_value = error
    assert kept[0]() is not None
    SweepWatch().on_job_end(config, job_return)
    assert kept[0]() is None and str(job_return._return_value) == "diverged"
    assert job_return.cfg is None and job_return.hydra_cfg is None
