import CDispatch

import Glibc

/// SIGUSR1 and SIGTERM ask a run to save and stop; they are held back and looked at once a step.
public enum StopSignals {
    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGUSR1)
        sigaddset(&set, SIGTERM)
        return set
    }

    /// Must be the first statement of the program: every thread inherits the mask.
    public static func hold() {
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A file size limit shall be an error that is reported, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Whether one has arrived since the last call.
    static func arrived() -> Bool {
        var set = signals
        var noTime = timespec(tv_sec: 0, tv_nsec: 0)
        return sigtimedwait(&set, nil, &noTime) > 0
    }
}
