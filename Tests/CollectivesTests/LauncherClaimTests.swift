import Collectives
import Faults
import Testing

@Suite struct LauncherClaimTests {
    /// Variables as `A=1 B=2`.
    private func environment(_ text: String) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: text.split(separator: " ").map { word in
                let parts = word.split(separator: "=")
                return (String(parts[0]), String(parts[1]))
            })
    }

    /// What a process of several finds around it, and what is named of it.
    @Test(arguments: [
        (
            "SLURM_STEP_ID=0 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=0",
            "SLURM_STEP_NUM_TASKS=4"
        ),
        ("SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=0", "SLURM_STEP_NUM_TASKS=2"),
        ("SLURM_STEPID=0 SLURM_NTASKS=4 SLURM_PROCID=0", "SLURM_NTASKS=4"),
        ("SLURM_NTASKS=4 SLURM_PROCID=1", "SLURM_PROCID=1"),
        ("PMI_RANK=0 PMI_SIZE=3", "PMI_SIZE=3"), ("PMI_SIZE=3", "PMI_SIZE=3"),
        ("PMI_RANK=2", "PMI_RANK=2"), ("PMIX_RANK=1 PMIX_NAMESPACE=job", "PMIX_RANK=1"),
        ("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2"),
        ("MV2_COMM_WORLD_SIZE=2 MV2_COMM_WORLD_RANK=1", "MV2_COMM_WORLD_SIZE=2"),
        ("WORLD_SIZE=8 RANK=0 LOCAL_RANK=0", "WORLD_SIZE=8"),
        ("FLUX_JOB_SIZE=2 FLUX_TASK_RANK=0", "FLUX_JOB_SIZE=2"),
        ("JSM_NAMESPACE_SIZE=6 JSM_NAMESPACE_RANK=0", "JSM_NAMESPACE_SIZE=6"),
    ])
    func severalAreSeen(_ text: String, _ named: String) throws {
        let fault = try #require(LauncherClaim(environment: environment(text))).fault
        #expect(fault.exitCode == .badInput)
        #expect(fault.description.contains(named))
        #expect(fault.description.contains("mpirun"))
    }

    @Test(arguments: [
        "HOME=/root",
        // A batch script, and the shell of salloc: several tasks were asked for, none was started.
        "SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_LOCALID=0",
        "SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_NPROCS=4",
        // The shell of salloc as an interactive step, and a step of one task.
        "SLURM_STEP_ID=4294967290 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0",
        "SLURM_STEP_ID=0 SLURM_NTASKS=1 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0",
        // mpirun -n 1, whatever started mpirun's daemon.
        "OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=3",
        "OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 WORLD_SIZE=4 RANK=2 PMIX_RANK=0",
        "PMI_SIZE=1 PMI_RANK=0", "PMIX_RANK=0 PMIX_NAMESPACE=job", "WORLD_SIZE=1 RANK=0",
        // A name that people use for other ends.
        "WORLD_SIZE=4", "RANK=x", "PMI_SIZE=many", "SLURM_STEP_NUM_TASKS=4",
    ])
    func oneAloneIsLeftInPeace(_ text: String) {
        #expect(LauncherClaim(environment: environment(text)) == nil)
    }

    /// Only where `MPI_Init` would end the process.
    @Test func srunWithoutPMIxIsSeenBeforehand() {
        let step = "SLURM_NODELIST=n1 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0"
        #expect(DirectStart(environment: environment(step)).isWithoutWay)
        for other in ["PMIX_NAMESPACE=job", "OMPI_COMM_WORLD_SIZE=2", "FLUX_TASK_RANK=0"] {
            #expect(!DirectStart(environment: environment(step + " " + other)).isWithoutWay)
        }
        let shell = "SLURM_NODELIST=n1 SLURM_JOB_ID=7"
        #expect(DirectStart(environment: environment(shell)).isWithoutWay)
        #expect(!DirectStart(environment: environment(shell + " SLURM_JOBID=7")).isWithoutWay)
    }
}
