import Glibc

/// The signals that ask a supervisor to stop, held back from the first statement of the program on.
public enum LaunchSignals {
    private static var all: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGUSR1, SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, signal) }
        return set
    }

    /// Every thread that is started later inherits the mask.
    public static func hold() {
        var set = all
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for one of them.
    ///
    /// - Returns: Its number, or `nil` after so many seconds.
    static func wait(seconds: Double) -> Int32? {
        var set = all
        let whole = seconds.rounded(.down)
        var time = timespec(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
        let signal = sigtimedwait(&set, nil, &time)
        return signal > 0 ? signal : nil
    }
}
