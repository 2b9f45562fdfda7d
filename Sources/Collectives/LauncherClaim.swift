import Faults

/// What a launcher's variables say of the processes that it started together with this one.
///
/// A launcher of another MPI, or one that Open MPI does not find its way to, leaves every process in a
/// world of its own; what it put into their environments tells them that they are several.
public struct LauncherClaim: Sendable, Equatable {
    /// The variable that proves it, with its value.
    public let variable: String
    public let value: String
    /// What to do.
    let advice: String

    private struct Launcher {
        /// How many processes there are, and which one this is.
        let size: String?
        let ranks: [String]
        /// Whether the size alone says nothing: a name that people export for other ends.
        var needsRank = false
        let advice: String
    }

    private static let ours = "Start it with Open MPI's own mpirun -n N, or with lora launch -n N"
    private static let alone = "; mpirun -n 1 starts one rank by itself"

    /// Open MPI's mpirun, whatever is around it: who was started by it has its word.
    private static let openMPI = Launcher(
        size: "OMPI_COMM_WORLD_SIZE", ranks: ["OMPI_COMM_WORLD_RANK"],
        advice:
            "This mpirun is of another Open MPI than the one that the program finds: use the one "
            + "that is installed with it")

    private static let others = [
        // PMIx says no size in the environment; any other rank than 0 is proof.
        Launcher(size: nil, ranks: ["PMIX_RANK"], advice: ours + alone),
        // MPICH's and Intel MPI's hydra, and Slurm's PMI2.
        Launcher(size: "PMI_SIZE", ranks: ["PMI_RANK"], advice: ours + alone),
        Launcher(
            size: "MV2_COMM_WORLD_SIZE", ranks: ["MV2_COMM_WORLD_RANK"], advice: ours + alone),
        Launcher(
            size: "JSM_NAMESPACE_SIZE", ranks: ["JSM_NAMESPACE_RANK"], advice: ours + alone),
        Launcher(size: "FLUX_JOB_SIZE", ranks: ["FLUX_TASK_RANK"], advice: ours + alone),
        // torchrun, accelerate and deepspeed.
        Launcher(
            size: "WORLD_SIZE", ranks: ["RANK", "LOCAL_RANK"], needsRank: true,
            advice: ours + ", not with torchrun or its like" + alone),
    ]

    /// The first claim of several processes.
    ///
    /// - Returns: `nil` if nothing says that there are more than this one.
    public init?(environment: [String: String]) {
        if environment["OMPI_COMM_WORLD_SIZE"] != nil {
            self.init(of: Self.openMPI, environment)
            return
        }
        if let claim = Self(ofSlurm: environment) {
            self = claim
            return
        }
        for launcher in Self.others {
            guard let claim = Self(of: launcher, environment) else { continue }
            self = claim
            return
        }
        return nil
    }

    /// What `srun` says.
    ///
    /// `SLURM_NTASKS` alone proves nothing: a batch script and the shell of `salloc` have it too, with
    /// one process that may well train alone, and the script has `SLURM_PROCID=0` besides. Only srun
    /// sets `SLURM_STEP_ID` and `SLURM_STEP_NUM_TASKS`, together with the process's own number.
    ///
    /// - Source: srun(1) and sbatch(1), "Output environment variables"; `slurmstepd_job.c` of Slurm 22.05.
    private init?(ofSlurm environment: [String: String]) {
        let isStep = ["SLURM_STEP_ID", "SLURM_STEPID"].contains { environment[$0] != nil }
        let size =
            environment["SLURM_STEP_NUM_TASKS"] == nil && isStep
            ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS"
        self.init(
            of: Launcher(
                size: size, ranks: ["SLURM_PROCID", "SLURM_LOCALID"], needsRank: true,
                advice: "In a job of Slurm's start it with lora launch -- lora-worker … or mpirun "
                    + "lora-worker …; srun needs --mpi=pmix, where Slurm and Open MPI have it (srun "
                    + "--mpi=list)" + Self.alone), environment)
    }

    private init?(of launcher: Launcher, _ environment: [String: String]) {
        let ranks = launcher.ranks.compactMap { name in
            environment[name].flatMap { Int($0) }.map { (name: name, value: $0) }
        }
        if let name = launcher.size, let size = environment[name].flatMap({ Int($0) }), size > 1,
            !launcher.needsRank || !ranks.isEmpty
        {
            self.init(variable: name, value: "\(size)", advice: launcher.advice)
            return
        }
        // Without a number, whoever is not the first is not the only one.
        guard let rank = ranks.first(where: { $0.value > 0 }) else { return nil }
        self.init(variable: rank.name, value: "\(rank.value)", advice: launcher.advice)
    }

    private init(variable: String, value: String, advice: String) {
        self.variable = variable
        self.value = value
        self.advice = advice
    }

    /// Why a process that finds itself alone does not go on.
    public var fault: CommunicationError {
        CommunicationError(
            problem:
                "this process is alone in MPI, but \(variable)=\(value) says that it is one of several "
                + "that were started together: each would do the whole run by itself",
            location: nil, hint: advice, exitCode: .badInput)
    }
}

/// How Open MPI takes a process that stands in a job of Slurm's.
public struct DirectStart {
    /// Whether Open MPI believes that srun started it, and no server of PMIx is there: `MPI_Init` then
    /// ends the process with exit code 1, a single task too, unless it has a way to Slurm's own PMI.
    ///
    /// - Source: `orte/mca/schizo/slurm` and `orte/mca/ess/singleton` of Open MPI 4.1.4.
    public let isWithoutWay: Bool

    /// What makes Open MPI believe it.
    static let sign = "SLURM_NODELIST"

    public init(environment: [String: String]) {
        let others = ["OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE", "FLUX_TASK_RANK"]
        isWithoutWay =
            environment[Self.sign] != nil && others.allSatisfy { environment[$0] == nil }
            && (environment["SLURM_STEP_ID"] != nil || environment["SLURM_JOBID"] == nil)
    }
}
