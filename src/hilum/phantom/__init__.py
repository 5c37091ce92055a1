"""A synthetic cohort with known truth: 3-D anatomy projected into chest radiographs.

from hilum.phantom import PhantomConfig, cohort
study = cohort(10, seed=0)[3]
study.views[0].load(), study.facts, study.report
"""

from hilum.phantom.cohort import Cohort, cohort
from hilum.phantom.config import DEFAULT_PREVALENCE, DRAWABLE, PhantomConfig, only
from hilum.phantom.write import write_cohort

__all__ = ["DEFAULT_PREVALENCE", "DRAWABLE", "Cohort", "PhantomConfig", "cohort", "only", "write_cohort"]
