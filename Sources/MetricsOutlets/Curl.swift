import CCurl
import Glibc

/// libcurl's entry points.
///
/// `@unchecked Sendable`: addresses of functions, which any thread may call.
struct Curl: @unchecked Sendable {
    let makeTransfer: ccurl_new_function
    let perform: ccurl_perform_function
    let freeTransfer: ccurl_free_function
    let append: ccurl_append_function
    let freeList: ccurl_free_list_function
    let errorText: ccurl_text_function
    private let setOption: UnsafeMutableRawPointer
    private let getInformation: UnsafeMutableRawPointer

    static let library = "libcurl.so.4"

    /// Opened and prepared once for the whole process, by the first who needs it.
    static let shared = Result { () throws(HTTPFailure) in try Curl(library) }

    /// - Throws: ``HTTPFailure``, saying what to install.
    init(_ library: String) throws(HTTPFailure) {
        guard let opened = dlopen(library, RTLD_NOW | RTLD_LOCAL) else {
            throw HTTPFailure(
                reason: "\(String(cString: dlerror())); apt-get install libcurl4", isLasting: true)
        }
        func symbol(_ name: String) throws(HTTPFailure) -> UnsafeMutableRawPointer {
            guard let found = dlsym(opened, name) else {
                throw HTTPFailure(reason: "\(library) has no function \(name)", isLasting: true)
            }
            return found
        }
        func function<Function>(_ name: String) throws(HTTPFailure) -> Function {
            unsafeBitCast(try symbol(name), to: Function.self)
        }
        makeTransfer = try function("curl_easy_init")
        perform = try function("curl_easy_perform")
        freeTransfer = try function("curl_easy_cleanup")
        append = try function("curl_slist_append")
        freeList = try function("curl_slist_free_all")
        errorText = try function("curl_easy_strerror")
        setOption = try symbol("curl_easy_setopt")
        getInformation = try symbol("curl_easy_getinfo")
        let prepare: ccurl_global_function = try function("curl_global_init")
        guard prepare(Int(CURL_GLOBAL_ALL)) == CURLE_OK else {
            throw HTTPFailure(reason: "\(library) cannot be prepared", isLasting: true)
        }
    }

    func set(_ option: CURLoption, _ value: Int, of transfer: UnsafeMutableRawPointer) {
        _ = ccurl_set_number(setOption, transfer, option, value)
    }

    /// - Parameter value: Texts are copied, other things are not.
    func set(
        _ option: CURLoption, _ value: UnsafeRawPointer?, of transfer: UnsafeMutableRawPointer
    ) {
        _ = ccurl_set_pointer(setOption, transfer, option, value)
    }

    func set(
        _ option: CURLoption, _ value: curl_write_callback?, of transfer: UnsafeMutableRawPointer
    ) {
        _ = ccurl_set_callback(setOption, transfer, option, value)
    }

    func number(_ name: CURLINFO, of transfer: UnsafeMutableRawPointer) -> Int {
        var value = 0
        _ = ccurl_get_number(getInformation, transfer, name, &value)
        return value
    }
}
