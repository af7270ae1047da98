"""Trains further seeds and grades, in rounds, until the hours are over or no claim has a chance."""

from regrade.jobs.entry import job

with job(snakemake):
    import time
    from pathlib import Path

    from regrade.cells import expansion, progress
    from regrade.cells.layout import RECORD
    from regrade.config import params
    from regrade.costs import forecasting, measured, rates
    from regrade.costs.model import Forecasts, Model
    from regrade.jobs import again
    from regrade.reporting import report
    from regrade.settle import overlay
    from regrade.settle.rounds import Settling

    parameters, given = params.parse(snakemake.config), again.arguments()
    submitted = again.jobs_at_once(given)

    def forecast(every):
        """What training takes: here, or on the calibrated nodes of a cluster."""
        if submitted is None:
            return forecasting.forecasts(parameters, every)[1]
        model = Model(parameters, rates.known(parameters.device))
        return Forecasts(model, every, measured.of_all(progress.read(every)[0]))

    def train(more_seeds, seconds, tell):
        """A round, see `regrade.settle.rounds.Train`."""
        config = snakemake.config | {"more_seeds": more_seeds}
        if not parameters.settle.only_trained:
            return again.run(config, seconds, tell)
        begun, topped = time.monotonic(), params.parse(config)
        cells = overlay.cells(more_seeds, expansion.expand(topped))
        targets = [(cell.folder / RECORD).as_posix() for cell in cells]
        # Without targets, Snakemake would make everything
        if done := not targets or again.run(config, seconds, tell, targets):
            report.write_all(topped)
            tell(time.monotonic() - begun)
        return done

    if parameters.settle.only_trained:
        report.write_all(parameters)
    at_once = submitted or forecasting.at_once(parameters, again.cores(given))
    Settling(parameters, at_once, forecast, train).run(Path(snakemake.output[0]))
